#include "bringup/run/comeback.hpp"

#include <algorithm>

namespace bringup::run {

std::chrono::milliseconds comeback_pause(int attempt, double chance) {
  auto pause = static_cast<double>(kLeastPause.count());
  for (int i = 1; i < std::min(attempt, 16); ++i) pause *= 1.5;
  pause = std::min(pause, static_cast<double>(kMostPause.count()));
  pause *= 1 + std::clamp(chance, 0.0, 1.0) / 4;
  return std::chrono::milliseconds(static_cast<long long>(pause));
}

}  // namespace bringup::run
