#pragma once
// One try to reach a declared server from one node, and the pieces of protocol that it reads.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bringup/util/error.hpp"

namespace bringup::verify {

enum class ServiceAnswer {
  answered,        // tcp: connected; http: 2xx or 3xx; grpc: SERVING
  refused,         // the connection was refused
  silent,          // the connection got no answer in time
  no_route,        // the node has no way to the address, or does not know it
  hung,            // connected, and nothing came in time
  wrong_protocol,  // connected, and what came is something else, or the end of the connection
  unhealthy,       // http: another status; grpc: anything else than SERVING
  no_health,       // grpc is spoken, without the standard health service
  stalled,         // grpc: the small request was answered and the large one was not
  not_tried,       // `text` says why
  no_session,      // with the node that should reach it
};
std::string_view to_string(ServiceAnswer answer);

enum class ServiceMeans { forward, nc };  // a direct-tcpip channel of the session; nc on the node
std::string_view to_string(ServiceMeans means);

struct ServiceTry {
  std::size_t service = 0;  // index into Fleet::services
  std::size_t from = 0;     // index into Fleet::nodes
  std::string address;      // what was connected to; empty: nothing
  ServiceAnswer answer = ServiceAnswer::not_tried;
  ServiceMeans by = ServiceMeans::forward;
  std::optional<double> ms;        // until the answer: the connection's or the protocol's
  std::optional<int> http_status;  // what came
  std::optional<double> large_ms;  // grpc: of the large request, where it arrived
  std::string text;                // the other side's words, or what is not proven; printable
};

// "HTTP/1.1 200 OK" without its end, by RFC 9112: the status. Unset: not HTTP/1.
std::optional<int> parse_status_line(std::string_view line);

// Could these bytes be the beginning of a status line? False at the first that cannot.
bool may_be_status_line(std::string_view begin);

// grpc.health.v1 (github.com/grpc/grpc-proto, grpc/health/v1/health.proto):
//   message HealthCheckRequest { string service = 1; }
//   message HealthCheckResponse { enum ServingStatus { UNKNOWN = 0; SERVING = 1;
//     NOT_SERVING = 2; SERVICE_UNKNOWN = 3; } ServingStatus status = 1; }
// Written and read by hand: a request of 256 MiB need not stand in memory then, and what a server
// sends is bounded before it is read.
inline constexpr std::string_view kHealthMethod = "/grpc.health.v1.Health/Check";
// What stands before `length` bytes of field 1.
std::string health_request_head(std::uint64_t length);
enum class ServingStatus { unknown, serving, not_serving, service_unknown };
std::string_view to_string(ServingStatus status);  // "SERVING"…
// Fails (parse) where the bytes are no such message. Fields that are not known are skipped.
Expected<ServingStatus> parse_health_response(std::string_view bytes);

// The answer that a failure of Session::stream() amounts to. Unset: the node's server forwards
// nothing, or the user has cancelled.
std::optional<ServiceAnswer> answer_of(const Error& error);

}  // namespace bringup::verify
