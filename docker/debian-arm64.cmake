# Cross-compiles on Debian for its architecture arm64, with the packages of tests/lib/packages.sh:
# crossbuild-essential-arm64 and the libraries of that architecture.
set(debian_triplet aarch64-linux-gnu)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(debian_qemu qemu-aarch64-static)
include(${CMAKE_CURRENT_LIST_DIR}/debian-cross.cmake)
