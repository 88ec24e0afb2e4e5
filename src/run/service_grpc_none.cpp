#ifndef BRINGUP_GRPC
#include "service_talk.hpp"

namespace bringup::run {

bool has_grpc() {
  return false;
}

GrpcSpoken speak_grpc(Fd, const std::string&, const std::string&, std::uint64_t, Deadline,
                      const CancelToken&) {
  GrpcSpoken spoken;
  spoken.answer = verify::ServiceAnswer::not_tried;
  spoken.text = "it takes connections; built without gRPC, its health was not asked";
  return spoken;
}

}  // namespace bringup::run
#endif
