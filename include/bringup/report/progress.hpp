#pragma once
// What the operator sees on stderr while a run goes on.
#include <chrono>
#include <cstddef>
#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "bringup/plan/event.hpp"
#include "bringup/report/style.hpp"

namespace bringup::report {

// On a terminal one status line, redrawn in place and never wider than the terminal, says how far
// the phase is and who is still running; failures and warnings stay above it. Elsewhere (a file,
// CI) every node's end is a line of its own and nothing is redrawn.
class LineProgress final : public plan::Sink {
 public:
  enum class Output { terminal, plain };
  enum class Detail { failures, nodes, steps };  // each with what stands before it
  using Time = std::chrono::steady_clock::time_point;

  struct Options {
    Output output = Output::plain;
    Detail detail = Detail::nodes;
    Style style;
    std::chrono::milliseconds redraw_every{100};
    std::function<Time()> now = [] { return std::chrono::steady_clock::now(); };
  };

  // `out` must outlive the sink.
  LineProgress(std::ostream& out, Options options);
  LineProgress(const LineProgress&) = delete;
  LineProgress& operator=(const LineProgress&) = delete;
  ~LineProgress() override;  // as finish()

  void emit(const plan::Event& event) override;
  // Takes the status line away; to be called before anything else is written to the terminal.
  void finish();

 private:
  enum class Redraw { now, when_due };
  void line(const std::string& text);
  void draw(Redraw when);
  void erase();
  void ended(const std::string& node);

  std::ostream& out_;
  Options options_;
  std::string phase_;
  std::vector<std::string> running_;  // in the order in which they began
  std::size_t begun_ = 0;
  std::size_t ended_ = 0;
  bool drawn_ = false;
  Time last_draw_{};
};

}  // namespace bringup::report
