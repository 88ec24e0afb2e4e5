#include "bringup/report/progress.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "paint.hpp"

namespace bringup::report {
namespace {

Mark mark_of_word(const std::string& status) {
  for (const auto known : {plan::StepStatus::done, plan::StepStatus::ok, plan::StepStatus::warning,
                           plan::StepStatus::failed, plan::StepStatus::skipped}) {
    if (status == plan::to_string(known)) return mark_of(known);
  }
  return Mark::none;
}

// The first `columns` code points.
std::string crop(const std::string& text, std::size_t columns) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U) continue;
    if (seen++ == columns) return text.substr(0, i);
  }
  return text;
}

}  // namespace

LineProgress::LineProgress(std::ostream& out, Options options)
    : out_(out), options_(std::move(options)) {}

LineProgress::~LineProgress() {
  try {
    finish();
  } catch (...) {  // a closed stderr must not end a run that is over
  }
}

void LineProgress::finish() {
  erase();
  out_.flush();
}

void LineProgress::erase() {
  if (!drawn_) return;
  out_ << "\r\x1b[K";
  drawn_ = false;
}

void LineProgress::line(const std::string& text) {
  erase();
  out_ << text << '\n';
  out_.flush();
}

void LineProgress::draw(Redraw when) {
  if (options_.output == Output::plain || options_.detail == Detail::failures) return;
  const Time now = options_.now();
  if (when == Redraw::when_due && drawn_ && now - last_draw_ < options_.redraw_every) return;
  std::string text = printable(phase_);
  if (begun_ > 0) text += fmt::format(": {} of {} done", ended_, begun_);
  if (!running_.empty()) {
    std::vector<std::string> names;
    for (const auto& node : running_) names.push_back(printable(node, 64));
    text += ", waiting for " + join(names, ", ");
  }
  // One column stays free: some terminals wrap when the last one is written.
  const std::size_t room = std::max<std::size_t>(options_.style.width, 2) - 1;
  if (display_width(text) > room) text = crop(text, room - 1) + "…";
  erase();
  out_ << text;
  out_.flush();
  drawn_ = true;
  last_draw_ = now;
}

void LineProgress::ended(const std::string& node) {
  const auto found = std::find(running_.begin(), running_.end(), node);
  if (found == running_.end()) return;
  running_.erase(found);
  ++ended_;
}

void LineProgress::emit(const plan::Event& event) {
  const std::string& phase = event.phase.empty() ? phase_ : event.phase;
  const std::string who = event.node.empty()
                              ? printable(phase) + ": "
                              : printable(phase) + ": " + printable(event.node) + ": ";
  const std::string hint = event.hint.empty() ? "" : " (" + printable(event.hint) + ")";
  const bool plain = options_.output == Output::plain;
  switch (event.kind) {
    case plan::EventKind::phase:
      phase_ = event.text;
      running_.clear();
      begun_ = 0;
      ended_ = 0;
      draw(Redraw::now);
      return;
    case plan::EventKind::node_started:
      running_.push_back(event.node);
      ++begun_;
      draw(Redraw::when_due);
      return;
    case plan::EventKind::node_done:
      ended(event.node);
      if (plain && options_.detail != Detail::failures) line(who + "done");
      draw(Redraw::when_due);
      return;
    case plan::EventKind::node_failed:
      ended(event.node);
      line(who + mark(Mark::bad, options_.style) + " " + printable(event.text) + hint);
      draw(Redraw::now);
      return;
    case plan::EventKind::warning:
      line(who + mark(Mark::warn, options_.style) + " " + printable(event.text) + hint);
      draw(Redraw::now);
      return;
    case plan::EventKind::step:
      if (options_.detail != Detail::steps) return;
      line(who + mark(mark_of_word(event.status), options_.style) + " " + printable(event.subject) +
           (event.text.empty() ? "" : ": " + printable(event.text)));
      draw(Redraw::now);
      return;
    case plan::EventKind::raw:
      return;
  }
}

}  // namespace bringup::report
