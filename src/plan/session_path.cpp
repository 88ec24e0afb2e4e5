#include "session_path.hpp"

#include <algorithm>

namespace bringup::plan {

std::string session_interface(const facts::NodeFacts& facts) {
  if (!facts.session_interface.empty()) return facts.session_interface;
  const auto address = model::Ipv4::parse(facts.session_address);
  if (!address) return {};
  for (const auto& interface : facts.interfaces) {
    for (const auto& inet : interface.inet) {
      if (inet.address == *address) return interface.name;
    }
  }
  return {};
}

bool on_session_path(const facts::NodeFacts& facts, std::string_view interface) {
  const std::string session = session_interface(facts);
  if (session.empty()) return false;
  if (interface == session) return true;
  return std::ranges::any_of(facts.bridges, [&](const platform::Bridge& bridge) {
    return bridge.name == session &&
           std::ranges::find(bridge.members, interface) != bridge.members.end();
  });
}

}  // namespace bringup::plan
