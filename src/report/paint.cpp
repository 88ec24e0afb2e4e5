#include "paint.hpp"

#include <fmt/format.h>

#include "bringup/util/text.hpp"

namespace bringup::report {
namespace {

std::string painted(std::string_view code, std::string_view text, const Style& style) {
  if (style.colour == Colour::off) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace

std::string mark(Mark which, const Style& style) {
  switch (which) {
    case Mark::good:
      return painted("32", "✓", style);
    case Mark::warn:
      return painted("33", "⚠", style);
    case Mark::bad:
      return painted("31", "✗", style);
    case Mark::none:
      return painted("2", "–", style);
  }
  return {};
}

std::string bullet(Mark which, const Style& style) {
  return fmt::format("  {} ", mark(which, style));
}

std::string bold(std::string_view text, const Style& style) {
  return painted("1", text, style);
}
std::string dim(std::string_view text, const Style& style) {
  return painted("2", text, style);
}

std::string wrap(std::string_view first, std::string_view text, std::size_t indent,
                 const Style& style) {
  const auto words = split_blank(text);
  return wrap_words(first, {words.begin(), words.end()}, indent, style);
}

std::string wrap_words(std::string_view first, const std::vector<std::string>& words,
                       std::size_t indent, const Style& style) {
  std::string result(first);
  // Escape sequences take no columns: only `first` can hold them, between ESC and 'm'.
  std::size_t column = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i] == '\x1b') {
      i = first.find('m', i);
      continue;
    }
    if ((static_cast<unsigned char>(first[i]) & 0xC0U) != 0x80U) ++column;
  }
  bool fresh = true;  // nothing of `text` on this line yet
  for (const auto& word : words) {
    const std::size_t width = display_width(word);
    if (!fresh && column + 1 + width > style.width) {
      result += '\n';
      result.append(indent, ' ');
      column = indent;
      fresh = true;
    }
    if (!fresh) {
      result += ' ';
      ++column;
    }
    result += word;
    column += width;
    fresh = false;
  }
  return result + "\n";
}

std::string count_of(std::size_t n, std::string_view noun) {
  return fmt::format("{} {}{}", n, noun, n == 1 ? "" : "s");
}

Mark mark_of(plan::StepStatus status) {
  switch (status) {
    case plan::StepStatus::done:
    case plan::StepStatus::ok:
      return Mark::good;
    case plan::StepStatus::warning:
      return Mark::warn;
    case plan::StepStatus::failed:
      return Mark::bad;
    case plan::StepStatus::skipped:
      return Mark::none;
  }
  return Mark::bad;
}

Mark mark_of(plan::Severity severity) {
  switch (severity) {
    case plan::Severity::note:
      return Mark::none;
    case plan::Severity::warning:
      return Mark::warn;
    case plan::Severity::error:
      return Mark::bad;
  }
  return Mark::bad;
}

std::string explain(std::string_view seen, std::string_view expected, std::string_view cure,
                    const Style& style, std::string_view means) {
  std::string text;
  const auto line = [&](std::string_view label, std::string_view what) {
    if (what.empty()) return;
    text +=
        wrap(fmt::format("      {:<10}", fmt::format("{}:", label)), printable(what), 16, style);
  };
  line("seen", seen);
  line("expected", expected);
  line("means", means);
  line("next", cure);
  return text;
}

std::string heading(const model::Fleet& fleet, std::string_view node, std::size_t position,
                    std::size_t total, const Style& style) {
  const std::string place = fmt::format("[{}/{}] ", position, total);
  std::vector<std::string> links;
  if (const auto index = fleet.node_index(node)) {
    for (const std::size_t link : fleet.links_of(*index)) {
      for (const auto& end : fleet.links[link].ends) {
        if (end.node != *index) continue;
        links.push_back(fmt::format("{}{} → {}/{},", links.empty() ? "(" : "", end.interface,
                                    end.address.to_string(), fleet.links[link].subnet.prefix()));
      }
    }
  }
  const std::string first = place + bold(printable(node), style);
  if (links.empty()) return first + "\n";
  links.back().back() = ')';
  return wrap_words(first + " ", links, place.size(), style);
}

}  // namespace bringup::report
