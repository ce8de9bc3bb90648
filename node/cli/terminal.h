// What the commands need to know of the terminal.

#pragma once

namespace shoal::node {

// Whether standard output is to be coloured: it is a terminal, NO_COLOR (no-color.org) is empty or not set,
// and TERM is not "dumb".
bool colours_output();

}  // namespace shoal::node
