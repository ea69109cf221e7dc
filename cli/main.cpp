#include "cli/commands/extensions.hpp"

int main(int argc, char** argv) { return koinon::cli::run_koinon({argv + 1, argv + argc}); }
