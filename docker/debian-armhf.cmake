# Cross-compiles on Debian for its architecture armhf (32-bit ARM, ARMv7 with floating point), with the packages of
# tests/lib/packages.sh: crossbuild-essential-armhf and the libraries of that architecture.
set(debian_triplet arm-linux-gnueabihf)
set(CMAKE_SYSTEM_PROCESSOR armv7l)
set(debian_qemu qemu-arm-static)
# A note on what GCC 7 changed, at every std::span.
set(CMAKE_CXX_FLAGS_INIT -Wno-psabi)
include(${CMAKE_CURRENT_LIST_DIR}/debian-cross.cmake)
