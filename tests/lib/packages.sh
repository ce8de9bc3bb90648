# The packages that are needed, of Debian 12 and 13 alike, and functions to install them. Sourced by tests/run,
# tests/fuzz/run, compose/quickstart and docker/Dockerfile.

# Needed to build the program.
build_packages=(
  build-essential cmake ninja-build pkg-config
  libuv1-dev protobuf-compiler libprotobuf-dev zlib1g-dev liblz4-dev libsodium-dev libzstd-dev libssl-dev
  libcurl4-openssl-dev
  libtomlplusplus-dev libcli11-dev nlohmann-json3-dev libexpected-dev
  # CMake configures the tests along with the program.
  doctest-dev
)

# The clang of this Debian. What formats and what tidies is Debian 12's only: another version says something else.
# shellcheck disable=SC2034  # tests/fuzz/run reads it
case "$(. /etc/os-release 2>/dev/null && echo "${VERSION_ID-}")" in
  13) clang_version=19 ;;
  *) clang_version=14 ;;
esac
# Needed in addition to build it with the shield (xdp.interfaces); without them it is left out.
# shellcheck disable=SC2034  # for those who source this
xdp_packages=(clang libbpf-dev)

# Needed in addition to make the Debian package.
# shellcheck disable=SC2034  # for those who source this
package_packages=(file dpkg-dev)
# Needed in addition to gather the image.
# shellcheck disable=SC2034  # for those who source this
image_packages=(ca-certificates)
# Not needed.
# shellcheck disable=SC2034  # for those who source this
ccache_packages=(ccache)

# cross_packages ARCHITECTURE PACKAGE...: prints, one a line, what is needed instead of these to build for another
# architecture of Debian: the same tools, its compiler and libraries, and what runs its programs.
cross_packages() {
  local architecture=$1 package
  shift
  printf '%s\n' "crossbuild-essential-$architecture" "libc6-dev:$architecture" qemu-user-static
  for package in "$@"; do
    case "$package" in
      build-essential) ;;
      libcli11-dev | libexpected-dev) echo "$package" ;; # only headers, the same for all
      lib*-dev | zlib1g-dev) echo "$package:$architecture" ;;
      *) echo "$package" ;;
    esac
  done
}

# Prints the named packages that are not installed, one a line.
missing_packages() {
  local package
  for package in "$@"; do
    # Only "installed" counts: a removed package leaves its configuration files and a status behind.
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

# install_packages LOG PACKAGE...: installs packages; apt's output goes to the file LOG. Prints on stderr why it cannot.
install_packages() {
  local log=$1 sudo=()
  shift
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "cannot install $*: neither root nor sudo" >&2
      return 1
    fi
    sudo=(sudo)
  fi
  # The lists are updated once per shell.
  if [ -z "${apt_lists_fresh-}" ]; then
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null >>"$log" 2>&1 || true
    apt_lists_fresh=1
  fi
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" </dev/null >>"$log" 2>&1
}
