#include "bringup/cli/session.hpp"

namespace bringup::cli {
int recover_verb(const Options& /*options*/) {
  throw Exit{2, "recover: not yet\n"};
}
}  // namespace bringup::cli
