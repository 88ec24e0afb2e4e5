#pragma once
// What `iperf3 -J` prints, as it really is: nan and inf where a number should be, members twice,
// cut off in the middle, or words before the document.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bringup/util/error.hpp"

namespace bringup::verify {

struct IperfJson {
  // What the receiver counted, or else the sender; of a document without its end, the mean of the
  // intervals. Unset: no finite figure anywhere.
  std::optional<double> bits_per_second;
  enum class Source { received, sent, intervals } source = Source::received;
  std::optional<double> seconds;
  int streams = 0;
  std::optional<std::uint64_t> retransmits;
  std::string error;       // the document's "error", printable; empty when there is none
  bool truncated = false;  // the document has no end
};

inline constexpr std::size_t kMaxIperfJson = std::size_t{4} << 20U;

// Fails (parse) when there is no document, when it is above the limit, or when it holds neither a
// figure nor an error.
Expected<IperfJson> parse_iperf_json(std::string_view text);

}  // namespace bringup::verify
