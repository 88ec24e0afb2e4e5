#pragma once
// What happens while a run goes on, told to whoever shows or records it.
#include <string>
#include <string_view>

namespace bringup::plan {

enum class EventKind {
  phase,         // text: "connect", "facts", "apply", "verify"
  node_started,  // text: what begins on this node
  node_done,
  node_failed,  // text: the error, hint: the cure
  step,         // one action's outcome; status: StepStatus word
  warning,
  raw,  // text: raw output for the journal only, never shown
};
std::string_view to_string(EventKind kind);  // "node_started": the word in journal and JSON lines

struct Event {
  EventKind kind = EventKind::phase;
  std::string phase;
  std::string node;
  std::string subject;  // task and target, or check
  std::string status;
  std::string text;
  std::string hint;
};

// Where events go: terminal progress, journal, nowhere. Called from worker threads, one at a time.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void emit(const Event& event) = 0;
};

}  // namespace bringup::plan
