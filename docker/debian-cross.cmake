# What the toolchain files debian-ARCHITECTURE.cmake have in common. protoc and clang are this machine's.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_C_COMPILER ${debian_triplet}-gcc)
set(CMAKE_CXX_COMPILER ${debian_triplet}-g++)
set(CMAKE_STRIP ${debian_triplet}-strip)
set(CMAKE_LIBRARY_ARCHITECTURE ${debian_triplet})
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/${debian_triplet}/pkgconfig:/usr/share/pkgconfig)
# The program prints its own manual page while the package is made.
find_program(debian_emulator ${debian_qemu})
if(debian_emulator)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${debian_emulator})
endif()
