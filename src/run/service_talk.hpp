#pragma once
// What is said to a server over a stream that is open. Internal to the room.
#include <cstdint>
#include <optional>
#include <string>

#include "bringup/util/cancel.hpp"
#include "bringup/util/deadline.hpp"
#include "bringup/util/fd.hpp"
#include "bringup/verify/service_try.hpp"

namespace bringup::run {

struct Spoken {
  verify::ServiceAnswer answer = verify::ServiceAnswer::hung;
  std::string text;  // printable
  std::optional<int> http_status = {};
};

// "192.0.2.1:80", "[fe80::1]:80": without the zone, which is this side's own.
std::string authority_of(const std::string& address, std::uint16_t port);

// `GET path` by HTTP/1.1; reads the status line and no more.
Spoken speak_http(Fd stream, const std::string& authority, const std::string& path,
                  Deadline deadline, const CancelToken& cancel);

struct GrpcSpoken : Spoken {
  std::optional<double> large_ms = {};
};
// Is gRPC built in? Without it, speak_grpc() answers not_tried.
bool has_grpc();
// The standard health check; with message_bytes also one as large as that. `deadline` is for the
// small one; the large one has its own, by its size.
GrpcSpoken speak_grpc(Fd stream, const std::string& authority, const std::string& service,
                      std::uint64_t message_bytes, Deadline deadline, const CancelToken& cancel);

}  // namespace bringup::run
