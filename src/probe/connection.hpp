#pragma once
// One opened device with its queue pair: found by name, by the link's address, or by both.
#include <memory>
#include <optional>
#include <string>

#include "traffic.hpp"

namespace bringup::probe {

struct OpenRequest {
  std::string device;   // empty: whichever has the address
  std::string address;  // the link's IPv4 address
  QueuePairType type = QueuePairType::uc;
  std::uint32_t bytes = 0;  // the largest message
  unsigned depth = 0;       // receives posted
};

struct OpenReply {
  std::string device;
  unsigned port = 0, gid_index = 0;
  std::uint32_t qpn = 0, psn = 0, mtu = 0, max_message = 0;
  std::uint16_t lid = 0;
  Gid gid{};
};

// A port and its GID, found.
struct Place {
  std::string device;
  DeviceInfo info;
  unsigned port = 0, gid_index = 0;
  PortInfo state;
  Gid gid{};
};

class Connection {
 public:
  Connection(Verbs& verbs, Host& host) : verbs_(verbs), host_(host) {}
  ~Connection() { close(); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Outcome<OpenReply> open(const OpenRequest& request);
  // INIT, receives, ready to receive (tried once), ready to send.
  Outcome<void> connect(RemoteEnd remote);
  void close();

  // Null before connect() has succeeded.
  [[nodiscard]] Traffic* traffic() { return connected_ ? traffic_.get() : nullptr; }
  [[nodiscard]] std::uint32_t max_bytes() const { return request_.bytes; }
  // A queue pair that failed carries nothing more.
  void mark_failed() { connected_ = false; }

 private:
  Outcome<Place> find(const OpenRequest& request);
  Outcome<OpenReply> build(const OpenRequest& request, const Place& place);

  struct Free {
    void operator()(std::byte* memory) const;
  };

  Verbs& verbs_;
  Host& host_;
  OpenRequest request_;
  OpenReply reply_;
  std::unique_ptr<std::byte, Free> memory_;
  std::unique_ptr<Traffic> traffic_;
  bool opened_ = false;
  bool tried_ = false;
  bool connected_ = false;
};

std::string to_string(PortState state);

}  // namespace bringup::probe
