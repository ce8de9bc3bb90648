#include "node/cli/command_line.h"

int main(int argc, char** argv) { return shoal::node::run_command_line(argc, argv); }
