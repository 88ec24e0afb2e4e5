// A run's folder is a disk's text until it is read: whatever stands there, reading ends, and facts
// that are accepted are written and read again as the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "bringup/facts/record.hpp"
#include "bringup/run/history.hpp"
#include "bringup/run/lock.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto events = bringup::run::parse_events(text)) bringup::run::nodes_done(*events);
  if (const auto note = bringup::run::parse_run_note(text)) {
    if (!bringup::run::parse_run_note(bringup::run::to_json(*note))) std::abort();
  }
  if (bringup::run::holder_words(text).empty()) std::abort();
  const auto record = bringup::facts::parse_record(text);
  if (!record) return 0;
  const std::string once = bringup::facts::to_json(*record);
  const auto again = bringup::facts::parse_record(once);
  if (!again || bringup::facts::to_json(*again) != once) std::abort();
  return 0;
}
