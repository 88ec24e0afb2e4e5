#include "bringup/verify/iperf_json.hpp"

#include <array>
#include <cmath>
#include <vector>

#include <nlohmann/json.hpp>

#include "bringup/util/text.hpp"

namespace bringup::verify {
namespace {

using Json = nlohmann::json;

// iperf3 prints what printf makes of a double: "nan", "-nan", "inf" are no JSON. Outside strings
// they become null of the same length where that fits, so that the rest can be read.
std::string without_nan(std::string_view text) {
  constexpr std::array<std::string_view, 6> words = {"-nan(ind)", "-nan", "nan",
                                                     "-inf",      "inf",  "NaN"};
  std::string out;
  out.reserve(text.size() + 16);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (quoted && c == '\\' && i + 1 < text.size()) {
      out += c;
      out += text[i + 1];
      i += 2;
      continue;
    }
    if (c == '"') quoted = !quoted;
    std::size_t taken = 0;
    if (!quoted && (c == '-' || c == 'n' || c == 'i' || c == 'N')) {
      for (const auto word : words) {
        if (text.substr(i, word.size()) == word) {
          taken = word.size();
          break;
        }
      }
    }
    if (taken > 0) {
      out += "null";
      i += taken;
    } else {
      out += c;
      ++i;
    }
  }
  return out;
}

struct Sum {
  std::optional<double> bits_per_second, seconds;
  std::optional<std::uint64_t> retransmits;
};

// Walks the document as far as it is one and keeps what stands at the few places that matter. A
// member that comes twice: the last finite value counts.
class Walker : public nlohmann::json_sax<Json> {
 public:
  Sum received, sent;
  std::vector<Sum> intervals;
  std::optional<double> streams;
  std::string error_text;
  bool begun = false;

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t value) override { return take(static_cast<double>(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    return take(static_cast<double>(value));
  }
  bool number_float(number_float_t value, const string_t&) override { return take(value); }
  bool string(string_t& value) override {
    if (at({"error"})) error_text = printable(value, 300);
    return true;
  }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    begun = true;
    path_.emplace_back();
    if (path_.size() == 3 && path_[0] == "intervals") intervals.emplace_back();
    return path_.size() <= kDeepest && intervals.size() <= kMostIntervals;
  }
  bool key(string_t& name) override {
    path_.back() = name.substr(0, 64);
    return true;
  }
  bool end_object() override {
    path_.pop_back();
    return true;
  }
  bool start_array(std::size_t) override {
    path_.emplace_back("[]");
    return path_.size() <= kDeepest;
  }
  bool end_array() override {
    path_.pop_back();
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  static constexpr std::size_t kDeepest = 32;
  static constexpr std::size_t kMostIntervals = 100'000;

  [[nodiscard]] bool at(std::initializer_list<std::string_view> where) const {
    return std::equal(path_.begin(), path_.end(), where.begin(), where.end());
  }
  [[nodiscard]] bool below(std::initializer_list<std::string_view> where) const {
    return path_.size() == where.size() + 1 &&
           std::equal(where.begin(), where.end(), path_.begin());
  }

  bool take(double value) {
    if (!std::isfinite(value) || value < 0 || value > 1e18) return true;
    if (below({"end", "sum_received"})) {
      keep(received, value);
    } else if (below({"end", "sum_sent"})) {
      keep(sent, value);
    } else if (below({"intervals", "[]", "sum"}) && !intervals.empty()) {
      keep(intervals.back(), value);
    } else if (at({"start", "test_start", "num_streams"})) {
      streams = value;
    }
    return true;
  }
  void keep(Sum& sum, double value) const {
    const std::string& name = path_.back();
    if (name == "bits_per_second") sum.bits_per_second = value;
    if (name == "seconds") sum.seconds = value;
    if (name == "retransmits") sum.retransmits = static_cast<std::uint64_t>(value);
  }

  std::vector<std::string> path_;  // keys from the outside in; "[]" for an array
};

// Each interval weighs as long as it lasted.
void from_intervals(const std::vector<Sum>& intervals, IperfJson& out) {
  double bits = 0;
  double seconds = 0;
  for (const Sum& one : intervals) {
    if (!one.bits_per_second || !one.seconds || *one.seconds > 1e6) continue;
    bits += *one.bits_per_second * *one.seconds;
    seconds += *one.seconds;
  }
  if (seconds <= 0) return;
  out.source = IperfJson::Source::intervals;
  out.bits_per_second = bits / seconds;
  out.seconds = seconds;
}

}  // namespace

Expected<IperfJson> parse_iperf_json(std::string_view text) {
  if (text.size() > kMaxIperfJson) {
    return fail(ErrorCode::parse, "iperf3 printed more than 4 MiB", "use fewer --seconds");
  }
  const auto start = text.find('{');
  if (start == std::string_view::npos) {
    return fail(ErrorCode::parse, "iperf3 printed no JSON", "run iperf3 by hand on the node");
  }
  Walker walker;
  IperfJson out;
  out.truncated = !Json::sax_parse(without_nan(text.substr(start)), &walker,
                                   Json::input_format_t::json, /*strict=*/false);
  out.error = walker.error_text;
  out.retransmits = walker.sent.retransmits;
  if (walker.streams && *walker.streams <= 128) out.streams = static_cast<int>(*walker.streams);
  if (walker.received.bits_per_second) {
    out.bits_per_second = walker.received.bits_per_second;
    out.seconds = walker.received.seconds;
  } else if (walker.sent.bits_per_second) {
    out.source = IperfJson::Source::sent;
    out.bits_per_second = walker.sent.bits_per_second;
    out.seconds = walker.sent.seconds;
  } else {
    from_intervals(walker.intervals, out);
  }
  // A figure that came before a cut is whole: nothing of the end's sums changes behind it.
  if (out.bits_per_second && out.source == IperfJson::Source::received && out.error.empty()) {
    out.truncated = false;
  }
  if (!out.bits_per_second && out.error.empty()) {
    return fail(ErrorCode::parse, "iperf3's JSON holds neither a figure nor an error",
                "run iperf3 by hand on the node");
  }
  return out;
}

}  // namespace bringup::verify
