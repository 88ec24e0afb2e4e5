// What is wrong with one end by itself: the way to its node, its cable, its interface, its address.
#include "diagnosis_tables.hpp"

namespace bringup::verify {
namespace {

constexpr DiagnosisRow kRows[] = {
    {"ssh-no-session", "ssh", "no session with the node", "{error}", "a session with {node}",
     "nothing on this node can be read, changed or measured",
     "is {node} on, and does `ssh {node}` work?"},
    {"sudo-password", "sudo", "`sudo -n true` asks for a password",
     "sudo on {node} asks for a password", "passwordless sudo",
     "settings can be read but not changed",
     "bringup bootstrap {node} --ask-pass, or run with --ask-become-pass and "
     "become = \"sudo-password\""},
    {"sudo-refused", "sudo", "the user is not in sudoers, or there is no sudo",
     "this user may not use sudo on {node}", "sudo", "settings can be read but not changed",
     "log in as an administrator: user = \"…\" in the inventory"},
    {"cable-no-carrier", "cable", "the interface says inactive", "{ends} (cable unplugged?)",
     "status: active",
     "no signal from the other end: no cable, a dead one, or the peer's port is off",
     "plug the cable in at both ends"},
    {"cable-all-empty", "cable",
     "every Thunderbolt port of a Mac reads empty, though links are "
     "declared on it and none has a signal",
     "no Thunderbolt port of {node} sees anything", "the declared cables",
     "the Thunderbolt controller may be wedged, which happens after RDMA jobs die",
     "restart both Macs of the link"},
    {"cable-missing", "cable", "the profiler sees no Mac in a declared port",
     "{place} is empty, {peer} is empty", "{place} - {peer}",
     "nothing is plugged in, or nothing that is a Mac", "plug a cable into both ports"},
    {"cable-wrong-peer", "cable", "the cable in a declared port leads to another Mac",
     "{place} leads to {other}", "{place} - {peer}",
     "pings stay silent, and the matrix names a device that reaches somebody else",
     "move its plug from {other} to {peer}, or bringup plan --adopt"},
    {"cable-wrong-port", "cable", "the two Macs are cabled, through other ports than declared",
     "the cable is in {other} - {peer}", "{place} - {peer}",
     "addresses and devices are set up on ports without a cable",
     "move the plug from {other} to {place}, or bringup plan --adopt"},
    {"cable-swapped", "cable", "two cables have their plugs exchanged",
     "two cables are swapped: {place} - {other} and {other_peer} - {peer}",
     "{place} - {peer} and {other_peer} - {other}",
     "both links are silent, although every port has a signal",
     "exchange the two plugs, or bringup plan --adopt"},
    {"cable-one-sided", "cable", "only one end's profiler tells of the cable",
     "only one end tells of the cable: {peer_node} sees nothing there", "both ends see each other",
     "a dock or display in between, or a Thunderbolt controller that hangs at the silent end",
     "take the plug out and put it back; if it stays, restart {peer_node}"},
    {"cable-extra", "cable", "a cable between two nodes is in no link",
     "a cable {place} - {peer} that no link declares", "declared cables only",
     "ports that are still bridged make packet storms when cables form a ring",
     "take it out, or declare it in the inventory"},
    {"cable-stranger", "cable", "a cable leads to a Mac that no node of the fleet is",
     "{place} leads to a Mac that is not in the inventory, or was not reached",
     "cables between nodes of the inventory", "nothing is known of its other end",
     "name that Mac in the inventory, or take the cable out"},
    {"speed-hardware", "speed",
     "the Mac's fastest Thunderbolt port does 40 Gb/s at most, on a "
     "thunderbolt5 link",
     "{node} has Thunderbolt ports of 40 Gb/s at most", "Thunderbolt 5: 80 Gb/s",
     "the hardware is Thunderbolt 4: it will never do 80 Gb/s, nor RDMA",
     "declare the link as it is: kind = \"thunderbolt4\""},
    {"speed-below", "speed", "the negotiated speed is below what the link's kind expects",
     "{place} has negotiated {speed} Gb/s", "{expected} Gb/s",
     "a Thunderbolt 4 cable, a dock in between, or a port that does less; below 80 Gb/s there "
     "is no RDMA",
     "use a Thunderbolt 5 cable of 80 Gb/s, straight from Mac to Mac"},
    {"speed-port", "speed", "the Ethernet port has negotiated less than the link's kind expects",
     "{place} has negotiated {speed} Gb/s", "{expected} Gb/s",
     "a damaged or too slow cable or module, or a port or switch that does less",
     "swap the cable and see `ethtool {interface}` at both ends, or declare the kind as it is"},
    {"speed-dock", "speed", "the peer is not directly on the port",
     "{place} reaches its peer through {dock}", "a cable from Mac to Mac",
     "RDMA does not work through a dock, hub or display", "connect the Macs directly"},
    {"bridge-member", "bridge", "the interface is a member of a bridge",
     "{place} is a member of {bridge}", "{interface} stands alone",
     "a bridged port has no address of its own and publishes no IPv4 GID; bridges in a ring of "
     "cables make packet storms",
     "bringup apply"},
    {"interface-missing", "interface", "the node has no interface of that name",
     "{node} has no interface {interface}", "an interface named {interface}",
     "the inventory names another port than the cable is in, or the ports were renumbered",
     "name the right interface in {source} ({node} has: {interfaces})"},
    {"interface-down", "interface", "the flag UP is missing",
     "{place} is switched off (flag UP missing)", "flag UP",
     "ports that leave a bridge may stay switched off", "bringup apply"},
    {"address-elsewhere", "address", "the link's address is on another interface",
     "{address} is on {node}:{other}", "{expected} on {interface}",
     "packets of the link leave through the wrong port",
     "take it off {other} there, then bringup apply"},
    {"address-missing", "address", "no IPv4 address on the interface",
     "{place} has no IPv4 address", "{expected}",
     "settings do not survive a restart by themselves; without an address the port publishes no "
     "IPv4 GID",
     "bringup apply"},
    {"address-wrong", "address", "other addresses than the declared one", "{place} has {have}",
     "{expected}", "somebody else set it: DHCP, a daemon, or an earlier inventory",
     "bringup apply"},
    {"address-exo", "address",
     "the address is not as declared, and exo's network daemon is "
     "installed",
     "{place} has {have}, and exo's daemon io.exo.networksetup is there", "{expected}",
     "exo's daemon puts DHCP back every half hour",
     "`sudo launchctl bootout system/io.exo.networksetup` on {node}, then bringup apply"},
    {"segment-address-missing", "address",
     "the interface of a segment's member lacks the declared address", "{place} has {have}",
     "{expected} on {interface}",
     "the others of {network} get no answer from it, and what it sends comes from elsewhere",
     "bringup apply"},
    {"wrong-mask", "address", "the declared address is there with another prefix length",
     "{place} has {have}", "{expected}",
     "the node takes neighbours for far away, or what is far away for neighbours, and sends to "
     "them the wrong way",
     "bringup apply"},
};

}  // namespace

std::span<const DiagnosisRow> port_diagnoses() {
  return kRows;
}

}  // namespace bringup::verify
