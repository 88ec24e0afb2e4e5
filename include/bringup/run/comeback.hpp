#pragma once
// When a node that is away is tried again: pure, so that no test waits.
#include <chrono>

namespace bringup::run {

inline constexpr std::chrono::milliseconds kLeastPause{5000};
inline constexpr std::chrono::milliseconds kMostPause{60000};

// The pause after the N-th failed attempt in a row (from 1): 5 s, growing by half each time up to a
// minute, and up to a quarter more by `chance` in [0, 1), so that a fleet does not knock in step.
// Never less than 5 s: a sshd penalises who knocks more often.
std::chrono::milliseconds comeback_pause(int attempt, double chance);

}  // namespace bringup::run
