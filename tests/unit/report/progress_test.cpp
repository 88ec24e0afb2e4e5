#include "bringup/report/progress.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace bringup::report {
namespace {

using plan::Event;
using plan::EventKind;

struct Progress : testing::Test {
  std::ostringstream out;
  LineProgress::Time now{};
  LineProgress::Options options;

  Progress() {
    options.now = [this] { return now; };
  }
  void play(LineProgress& sink) {
    sink.emit({EventKind::phase, "", "", "", "", "facts", ""});
    sink.emit({EventKind::node_started, "facts", "studio1", "", "", "", ""});
    sink.emit({EventKind::node_started, "facts", "studio2", "", "", "", ""});
    now += std::chrono::milliseconds(150);
    sink.emit({EventKind::node_started, "facts", "studio3", "", "", "", ""});
    sink.emit({EventKind::node_done, "facts", "studio2", "", "", "", ""});
    sink.emit({EventKind::node_failed, "facts", "studio1", "", "", "timed out\x1b", "is it on?"});
    sink.emit({EventKind::raw, "facts", "studio3", "", "", "noise", ""});
    sink.emit({EventKind::phase, "", "", "", "", "apply", ""});
    sink.emit({EventKind::step, "apply", "studio3", "bridge.detach en3", "done", "removed", ""});
    sink.emit({EventKind::step, "apply", "studio3", "odd", "strange", "", ""});
    sink.emit({EventKind::warning, "", "", "", "", "known_hosts: @cert-authority skipped", ""});
    sink.finish();
  }
};

TEST_F(Progress, IsPlainLinesOffATerminal) {
  LineProgress sink(out, options);
  play(sink);
  EXPECT_EQ(out.str(),
            "facts: studio2: done\n"
            "facts: studio1: ✗ timed out\\x1b (is it on?)\n"
            "apply: ⚠ known_hosts: @cert-authority skipped\n");
}

TEST_F(Progress, ShowsStepsOrOnlyFailuresWhenAsked) {
  options.detail = LineProgress::Detail::steps;
  LineProgress sink(out, options);
  play(sink);
  EXPECT_NE(out.str().find("apply: studio3: ✓ bridge.detach en3: removed\n"
                           "apply: studio3: – odd\n"),
            std::string::npos);
  std::ostringstream quiet;
  options.detail = LineProgress::Detail::failures;
  options.output = LineProgress::Output::terminal;
  LineProgress silent(quiet, options);
  play(silent);
  EXPECT_EQ(quiet.str(),
            "facts: studio1: ✗ timed out\\x1b (is it on?)\n"
            "apply: ⚠ known_hosts: @cert-authority skipped\n");
}

TEST_F(Progress, RedrawsOneLineOnATerminalAndNotTooOften) {
  options.output = LineProgress::Output::terminal;
  LineProgress sink(out, options);
  play(sink);
  EXPECT_EQ(out.str(),
            "facts"
            "\r\x1b[K"
            "facts: 0 of 3 done, waiting for studio1, studio2, studio3"
            "\r\x1b[K"
            "facts: studio1: ✗ timed out\\x1b (is it on?)\n"
            "facts: 2 of 3 done, waiting for studio3"
            "\r\x1b[K"
            "apply"
            "\r\x1b[K"
            "apply: ⚠ known_hosts: @cert-authority skipped\n"
            "apply"
            "\r\x1b[K");
}

TEST_F(Progress, NeverWrapsTheStatusLine) {
  options.output = LineProgress::Output::terminal;
  options.style.width = 20;
  {
    LineProgress sink(out, options);
    sink.emit({EventKind::phase, "", "", "", "", "fäcts", ""});
    now += std::chrono::seconds(1);
    sink.emit({EventKind::node_started, "", "studio1", "", "", "", ""});
    sink.emit({EventKind::node_done, "", "a node that never began", "", "", "", ""});
  }
  EXPECT_EQ(out.str(), "fäcts\r\x1b[Kfäcts: 0 of 1 done…\r\x1b[K");
}

}  // namespace
}  // namespace bringup::report
