#include "node/xdp/shield_program.h"

// SHIELD_PROGRAM: its path when this was built.
asm(".section .rodata\n"
    ".balign 8\n"
    ".local shield_program_begin\n"
    "shield_program_begin:\n"
    ".incbin \"" SHIELD_PROGRAM
    "\"\n"
    ".local shield_program_end\n"
    "shield_program_end:\n"
    ".previous\n");

extern "C" const uint8_t shield_program_begin[];
extern "C" const uint8_t shield_program_end[];

namespace shoal::node {

std::span<const uint8_t> shield_program() { return {shield_program_begin, shield_program_end}; }

}  // namespace shoal::node
