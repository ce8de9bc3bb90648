# Debian 12 packages, in one place, and how to get them. Sourced by tests/run and compose/quickstart.

# What a build of the program needs.
build_packages=(
  build-essential cmake ninja-build pkg-config
  libuv1-dev protobuf-compiler libprotobuf-dev zlib1g-dev liblz4-dev libsodium-dev libzstd-dev
  libtomlplusplus-dev libcli11-dev libspdlog-dev nlohmann-json3-dev prometheus-cpp-dev libexpected-dev
  # CMake configures the tests along with the program.
  doctest-dev
)

# Prints those of the named packages that are not installed, one a line.
missing_packages() {
  local package
  for package in "$@"; do
    # Only "installed" will do: a removed package leaves its configuration files and a status behind.
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

# Installs the named packages; says on stderr why it cannot. Output of apt goes to the file in $1.
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
  # Once per shell is enough for the lists.
  if [ -z "${apt_lists_fresh-}" ]; then
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null >>"$log" 2>&1 || true
    apt_lists_fresh=1
  fi
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "$@" </dev/null >>"$log" 2>&1
}
