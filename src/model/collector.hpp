#pragma once
// Gathers what is wrong with an inventory while it is read, so that all of it is told at once.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/inventory.hpp"

namespace bringup::model {

// A stretch of the inventory's text; columns and length in code points, as toml++ counts them. With
// a flag, the command line instead.
struct Spot {
  std::size_t line = 0;
  std::size_t column = 0;
  std::size_t length = 1;
  const char* flag = nullptr;
};

template <class T>
struct Located {
  T value{};
  Spot spot;
};

class Collector {
 public:
  Collector(std::string_view text, std::string file);

  void add(const Spot& spot, std::string message, std::string cure);
  // "did you mean 'x'?" when a candidate is near, else "one of: a, b, c" (or `otherwise`).
  [[nodiscard]] std::string suggest(std::string_view word,
                                    const std::vector<std::string>& candidates,
                                    std::string_view otherwise = {}) const;
  [[nodiscard]] Where where(const Spot& spot) const;
  // "line 12" or "--node", to point at a second place in a message.
  [[nodiscard]] static std::string place(const Spot& spot);

  [[nodiscard]] bool empty() const { return problems_.empty(); }
  Problems take();  // sorted by position

 private:
  [[nodiscard]] std::string line_text(std::size_t line) const;

  std::string file_;
  std::vector<std::string_view> lines_;
  std::vector<Problem> problems_;
};

}  // namespace bringup::model
