#pragma once

namespace bringup::cli {

// The whole program; returns its exit status (see docs/verbs.md).
int run(int argc, char** argv);

}  // namespace bringup::cli
