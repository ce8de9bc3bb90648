// The compiled program, shield.bpf.c: an ELF file for libbpf, in this executable.

#pragma once

#include <cstdint>
#include <span>

namespace shoal::node {

std::span<const uint8_t> shield_program();

}  // namespace shoal::node
