#include "bringup/verify/chain.hpp"

namespace bringup::verify {

std::string_view to_string(Layer layer) {
  switch (layer) {
    case Layer::ssh:
      return "ssh";
    case Layer::sudo:
      return "sudo";
    case Layer::cable:
      return "cable";
    case Layer::speed:
      return "speed";
    case Layer::bridge:
      return "bridge";
    case Layer::interface:
      return "interface";
    case Layer::address:
      return "address";
    case Layer::route:
      return "route";
    case Layer::ping:
      return "ping";
    case Layer::mtu:
      return "mtu";
    case Layer::tcp:
      return "tcp";
    case Layer::iperf:
      return "iperf";
    case Layer::gid:
      return "gid";
    case Layer::port:
      return "port";
    case Layer::rdma:
      return "rdma";
  }
  return "ssh";
}

std::string_view to_string(LayerState state) {
  switch (state) {
    case LayerState::ok:
      return "ok";
    case LayerState::broken:
      return "broken";
    case LayerState::unknown:
      return "unknown";
    case LayerState::skipped:
      return "skipped";
  }
  return "unknown";
}

}  // namespace bringup::verify
