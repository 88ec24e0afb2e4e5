#pragma once
// Scripts run by dash and by bash --posix, among commands of the test's.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bringup/facts/script.hpp"
#include "support/shell_run.hpp"

namespace bringup::facts::testing {

inline const std::string kNonce = "00112233445566778899aabbccddeeff";

class Shells : public ::testing::TestWithParam<std::vector<std::string>> {
 protected:
  support::Ran run(const std::string& script) const {
    return support::run_script(GetParam(), script, bin_.path(),
                               {"SSH_CONNECTION=10.9.9.9 50000 192.168.1.11 22"});
  }

  std::vector<Frame> frames_of(const support::Ran& ran) const {
    auto frames = parse_frames(ran.out, kNonce);
    EXPECT_TRUE(frames.has_value()) << frames.error().message;
    return frames ? *frames : std::vector<Frame>{};
  }

  support::Folder bin_;
};

// For INSTANTIATE_TEST_SUITE_P.
inline auto both_shells() {
  return ::testing::Values(std::vector<std::string>{"/usr/bin/dash", "-s"},
                           std::vector<std::string>{"/bin/bash", "--posix", "-s"});
}
inline std::string shell_name(const ::testing::TestParamInfo<std::vector<std::string>>& shell) {
  return shell.index == 0 ? "dash" : "bash";
}

}  // namespace bringup::facts::testing
