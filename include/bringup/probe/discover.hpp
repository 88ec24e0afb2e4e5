#pragma once
// The node's part of a discovery: datagrams sent on every interface, and what was heard on which.
// See protocol.md beside the sources.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/probe/session.hpp"

namespace bringup::probe {

inline constexpr std::size_t kMaxInterfaces = 64;
inline constexpr std::size_t kMaxHeard = 1024;
inline constexpr std::size_t kMaxDatagram = 256;  // bytes; what is longer is not ours

// An IPv4 address of an interface that is up and can broadcast. Addresses are in host order.
struct NetInterface {
  std::string name;
  unsigned index = 0;
  std::uint32_t address = 0;
  unsigned prefix = 0;
  std::uint32_t configured = 0;  // the broadcast address that the system has; 0: none

  // Of the prefix; 0: a subnet of one or two addresses has none.
  [[nodiscard]] std::uint32_t broadcast() const;
};

struct Datagram {
  std::string text;
  std::uint32_t source = 0;
  unsigned interface = 0;  // the index of that on which it came; 0: not known
};

// The sockets; replaced in tests. Integers returned are errno, 0: done.
class Net {
 public:
  virtual ~Net() = default;
  virtual std::vector<NetInterface> interfaces() = 0;
  // Hears what comes to this UDP port, and to the group on each of the interfaces. Again: anew.
  virtual int listen(std::uint16_t port, std::uint32_t group,
                     const std::vector<NetInterface>& interfaces) = 0;
  // From a socket that is bound to the interface.
  virtual int send(const NetInterface& by, std::uint32_t to, std::uint16_t port,
                   const std::string& text) = 0;
  virtual std::optional<Datagram> receive(std::chrono::milliseconds wait) = 0;
};

// Answers requests until "quit" or the end of the input.
void discover(Net& net, Host& host);

// "bringup-discovery/1 NONCE NODE INTERFACE CAST"
struct Announcement {
  std::string nonce, node, interface, cast;
};
std::string announcement_text(const Announcement& one);
std::optional<Announcement> parse_announcement(std::string_view text);

// Why a datagram could not be sent, in a word that is the same on every system: "no-route",
// "denied", "unreachable", "down", "in-use", "other"; empty for 0.
std::string_view problem_of(int error_number);

}  // namespace bringup::probe
