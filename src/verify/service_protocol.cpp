// What is said to servers and read from them.
#include <algorithm>
#include <array>

#include "bringup/verify/service_try.hpp"

namespace bringup::verify {
namespace {

bool digit(char c) {
  return c >= '0' && c <= '9';
}

// A base-128 number of at most ten bytes; `at` moves behind it.
std::optional<std::uint64_t> varint(std::string_view bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (at >= bytes.size()) return std::nullopt;
    const auto byte = static_cast<unsigned char>(bytes[at++]);
    if (shift == 63 && byte > 1) return std::nullopt;
    value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  return std::nullopt;
}

bool skip(std::string_view bytes, std::size_t& at, std::uint64_t count) {
  if (count > bytes.size() - at) return false;
  at += static_cast<std::size_t>(count);
  return true;
}

}  // namespace

std::string_view to_string(ServiceAnswer answer) {
  switch (answer) {
    case ServiceAnswer::answered:
      return "answered";
    case ServiceAnswer::refused:
      return "refused";
    case ServiceAnswer::silent:
      return "silent";
    case ServiceAnswer::no_route:
      return "no-route";
    case ServiceAnswer::hung:
      return "hung";
    case ServiceAnswer::wrong_protocol:
      return "wrong-protocol";
    case ServiceAnswer::unhealthy:
      return "unhealthy";
    case ServiceAnswer::no_health:
      return "no-health";
    case ServiceAnswer::stalled:
      return "stalled";
    case ServiceAnswer::not_tried:
      return "not-tried";
    case ServiceAnswer::no_session:
      return "no-session";
  }
  return "not-tried";
}

std::string_view to_string(ServiceMeans means) {
  return means == ServiceMeans::forward ? "forward" : "nc";
}

std::string_view to_string(ServingStatus status) {
  switch (status) {
    case ServingStatus::unknown:
      return "UNKNOWN";
    case ServingStatus::serving:
      return "SERVING";
    case ServingStatus::not_serving:
      return "NOT_SERVING";
    case ServingStatus::service_unknown:
      return "SERVICE_UNKNOWN";
  }
  return "UNKNOWN";
}

bool may_be_status_line(std::string_view begin) {
  // The reason phrase is not bound to anything: what follows the third digit is not looked at.
  static constexpr std::string_view kShape = "HTTP/1.d ddd";
  for (std::size_t i = 0; i < std::min(begin.size(), kShape.size()); ++i) {
    if (kShape[i] == 'd' ? !digit(begin[i]) : begin[i] != kShape[i]) return false;
  }
  return true;
}

std::optional<int> parse_status_line(std::string_view line) {
  static constexpr std::size_t kDigits = 9;  // where the status begins
  if (line.size() < kDigits + 3 || !may_be_status_line(line)) return std::nullopt;
  if (line.size() > kDigits + 3 && line[kDigits + 3] != ' ') return std::nullopt;
  const auto value = [&](std::size_t at) { return line[kDigits + at] - '0'; };
  const int status = value(0) * 100 + value(1) * 10 + value(2);
  if (status < 100 || status > 599) return std::nullopt;
  return status;
}

std::string health_request_head(std::uint64_t length) {
  std::string head = "\x0a";  // field 1, a string
  for (; length >= 0x80; length >>= 7U) head += static_cast<char>(0x80U | (length & 0x7fU));
  return head + static_cast<char>(length);
}

Expected<ServingStatus> parse_health_response(std::string_view bytes) {
  static constexpr std::array kStatuses = {ServingStatus::unknown, ServingStatus::serving,
                                           ServingStatus::not_serving,
                                           ServingStatus::service_unknown};
  const auto refuse = [] { return fail(ErrorCode::parse, "the answer is no HealthCheckResponse"); };
  std::uint64_t status = 0;  // what proto3 leaves out
  for (std::size_t at = 0; at < bytes.size();) {
    const auto key = varint(bytes, at);
    if (!key || *key >> 3U == 0) return refuse();
    std::optional<std::uint64_t> value;
    switch (*key & 7U) {
      case 0:
        value = varint(bytes, at);
        if (!value) return refuse();
        break;
      case 1:
        if (!skip(bytes, at, 8)) return refuse();
        break;
      case 2: {
        const auto length = varint(bytes, at);
        if (!length || !skip(bytes, at, *length)) return refuse();
        break;
      }
      case 5:
        if (!skip(bytes, at, 4)) return refuse();
        break;
      default:
        return refuse();
    }
    if (*key >> 3U != 1) continue;
    if (!value) return refuse();
    status = *value;
  }
  if (status >= kStatuses.size()) return refuse();
  return kStatuses[static_cast<std::size_t>(status)];
}

std::optional<ServiceAnswer> answer_of(const Error& error) {
  if (error.code == ErrorCode::remote || error.code == ErrorCode::cancelled) return std::nullopt;
  const auto says = [&](std::string_view word) {
    return error.message.find(word) != std::string::npos;
  };
  if (says("refused")) return ServiceAnswer::refused;
  if (says("No route") || says("unreachable") || says("unknown host") || says("not known")) {
    return ServiceAnswer::no_route;
  }
  if (says("connection to") && (says("lost") || says("dead") || says("stalled"))) {
    return ServiceAnswer::no_session;
  }
  return ServiceAnswer::silent;
}

}  // namespace bringup::verify
