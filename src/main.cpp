#include <cardvoid/cli/app.hpp>

int main(int argc, char** argv) { return cardvoid::cli::run(argc, argv); }
