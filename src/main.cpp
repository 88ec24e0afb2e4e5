#include "bringup/cli/main.hpp"

int main(int argc, char** argv) {
  return bringup::cli::run(argc, argv);
}
