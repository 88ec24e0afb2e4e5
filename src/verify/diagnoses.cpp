#include "bringup/verify/diagnoses.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace bringup::verify {

// Sources of what is not plain networking: Apple's TN3205, and the issues of mlx, exo and dnet in
// which users met it.
const std::vector<DiagnosisRow>& diagnosis_rows() {
  static const std::vector<DiagnosisRow> rows = {
      {"ssh-no-session", "ssh", "no session with the node", "{error}", "a session with {node}",
       "nothing on this node can be read, changed or measured",
       "is {node} on, and does `ssh {node}` work?"},
      {"sudo-password", "sudo", "`sudo -n true` asks for a password",
       "sudo on {node} asks for a password", "passwordless sudo",
       "settings can be read but not changed",
       "run with --ask-become-pass and become = \"sudo-password\", or allow it in "
       "/etc/sudoers.d: `USER ALL=(root) NOPASSWD: /sbin/ifconfig, /sbin/route`"},
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
       "only one end tells of the cable: {peer_node} sees nothing there",
       "both ends see each other",
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
      {"route-none", "route", "the node has no route to the peer", "no route to {address}",
       "{interface}", "the interface lost its network",
       "`{command}` on {node} shows it; remove the overlapping address or route"},
      {"route-elsewhere", "route", "the peer's address leaves through another interface",
       "route to {address} leaves through {other}", "{interface}",
       "another network or route overlaps the link's subnet; what is measured is not this cable",
       "`{command}` on {node} shows it; remove the overlapping address or route"},
      {"route-missing", "route", "a node on the way has no specific route into the network",
       "{node} has no route to {destination} ({network})", "{destination} via {via} on {interface}",
       "its packets leave by the default route, or not at all",
       "`{command}` on {node}, or bringup apply"},
      {"route-wrong", "route", "a route on the way leads to another gateway or interface",
       "{node} sends {destination} ({network}) {have}", "via {via} on {interface}",
       "packets go where nobody passes them on, or past the gateway that was meant",
       "`{command}` on {node}, or bringup apply"},
      {"path-differs", "route", "another gateway than the declared one passes packets on",
       "{address} is reached through {have}", "through {expected}",
       "the declared routes are not those in use; what is measured is another way",
       "`{command}` on {node} shows the way; bringup apply sets the declared routes"},
      {"default-route-taken", "route", "an interface of a link or segment has the default route",
       "the default route of {node} leaves through {interface} ({network})",
       "the default route that it had; {network} gets specific routes only",
       "a DHCP lease or a gateway in the profile took it: the node's way to the internet ends in "
       "the fleet",
       "`{command}` on {node}, or bringup apply"},
      {"wrong-way", "route", "[[expect]] with `via`: the route is not as declared",
       "route to {address} leaves through {other}", "{wish}",
       "another route is more specific, or another default route has taken over",
       "`{command}` on {node} shows it; remove that route, or change [[expect]] ({where})"},
      {"stale-neighbour", "neighbour", "the table of neighbours has another MAC for an address",
       "{node} holds {address} to be at {have}", "{mac} ({peer})",
       "packets go to a device that is gone, or to another one; it settles when the entry expires, "
       "and never where it is static",
       "{advice}"},
      {"neighbour-silent", "neighbour", "no MAC was found for the next address on the way",
       "{peer} ({address}) does not answer ARP on {place}", "an entry of {node}'s neighbours",
       "both ends are set up and do not hear each other: a cable, switch or VLAN leads elsewhere",
       "does the cable in {place} lead to the network of {peer}?"},
      {"forwarding-off", "forwarding", "the gateway on the way does not forward packets",
       "{node} does not forward IPv4 packets", "forwarding from {network} on",
       "what is sent through it ends there",
       "`{command}` on {node}, or bringup apply, which keeps it"},
      {"ping-silent", "ping", "no reply, though every layer below is as declared", "{seen}",
       "replies from {address}", "the cable leads elsewhere, or the peer is silent on purpose",
       "does the cable in {place} lead to {peer}? does a firewall on {peer_node} drop pings?"},
      {"ping-loss", "ping", "more pings lost than the link's kind allows", "{seen}", "{expected}",
       "a bad cable or connector, or a link that is flooded; RDMA (UC) loses messages likewise and "
       "does not tell",
       "reseat the cable between {place} and {peer}"},
      {"ping-slow", "ping", "the average round trip is above what the link's kind expects",
       "{seen}", "{expected}", "a busy node or a loaded link, or not the way that was meant",
       "measure again while the link is idle: bringup verify"},
      {"icmp-filtered", "ping", "pings stay silent and a TCP connection to the address works",
       "{address} answers no pings, and TCP port {port} of it connects", "replies from {address}",
       "a firewall drops ICMP only: traffic flows, and path MTU discovery may hang large transfers",
       "allow ICMP echo in the firewall of {peer_node}{gateways}"},
      {"reach-silent", "ping", "no answer, though nothing below is seen to be wrong",
       "no reply from {address} ({peer_node}); the last that answered is {last}", "replies",
       "a firewall drops what is forwarded or received, or something in between is switched off",
       "look at the firewall of {suspects}: {command}"},
      {"isolation-broken", "isolation", "somebody answers who is declared unreachable",
       "{address} ({peer_node}) answers {node}{way}", "no answer ([[expect]] {where})",
       "a route, a forwarding node or a network that is not meant to be there joins the two",
       "`{command}` on {node} shows the way; take it away, or change [[expect]]"},
      {"mtu-differs", "mtu", "the two ends have different MTUs",
       "{place} has MTU {mtu}, {peer} has {peer_mtu}", "MTU {expected} at both ends",
       "large packets vanish: pings are fine while data hangs", "`{command}` on {node}"},
      {"mtu-declared", "mtu", "the MTU is not the declared one", "{place} has MTU {mtu}",
       "MTU {expected}", "packets of the declared size do not fit", "`{command}` on {node}"},
      {"mtu-path", "mtu", "both ends agree on an MTU whose packets do not arrive",
       "packets above {largest} bytes from {place} do not arrive", "{expected} bytes (the MTU)",
       "something between the ends, a switch or a dock, has a smaller MTU",
       "lower the MTU of both ends to {largest}, or raise it in between"},
      {"tcp-refused", "tcp", "the peer refuses the connection",
       "{address} port {port} refuses: {error}", "a connection",
       "the peer is there and nothing listens at this address and port",
       "is the service running on {peer_node}, and bound to this address?"},
      {"tcp-silent", "tcp", "the connection gets no answer",
       "{address} port {port} does not answer: {error}", "a connection",
       "a firewall drops it, or macOS' Local Network privacy keeps the program from the network",
       "on {peer_node} look at the firewall; on {node} at System Settings > Privacy & Security > "
       "Local Network"},
      {"iperf-missing", "iperf", "there is no iperf3 on the node", "{node} has no iperf3", "iperf3",
       "the throughput over TCP cannot be measured; nothing is wrong with the link",
       "`brew install iperf3` (macOS) or `apt-get install iperf3` on {node}, or leave iperf out: "
       "--only"},
      {"iperf-busy", "iperf", "another process has the server's port",
       "iperf3 cannot serve on {node}: {error}", "a free port",
       "another iperf3 or another service has the port; nothing of it was measured",
       "use another port: --iperf-port; `lsof -nP -iTCP:{port}` on {node} names who has it"},
      {"iperf-refused", "iperf", "the server never listened",
       "no iperf3 listens on {node}: {error}", "a listening iperf3",
       "the server did not start, or a firewall rejects its port",
       "run `iperf3 -s -1` on {node} by hand; allow iperf3 in its firewall"},
      {"iperf-timeout", "iperf", "the measurement did not end in its time",
       "iperf3 between {place} and {peer} did not end in time and was ended", "a result",
       "the link went down or loses so much that TCP stands still",
       "bringup verify --only ping --count 100 shows the loss"},
      {"iperf-failed", "iperf", "iperf3 reports an error", "iperf3 on {node}: {error}", "a result",
       "the connection broke while it was measured, or iperf3 could not run",
       "run it again; the raw output is in the run's folder"},
      {"iperf-slow", "iperf", "the throughput is below what the link's kind expects", "{seen}",
       "{expected}", "a slower cable or port, a busy node, or shaping at one end",
       "bringup verify --only iperf measures it again; compare it with its peers"},
      {"rdma-impossible", "gid", "the link's kind never carries RDMA", "{place} is {kind}",
       "RDMA (Thunderbolt 5 or RoCE)", "this hardware has no RDMA, and no setting adds it",
       "nothing to do: use TCP on this link"},
      {"rdma-no-tool", "gid", "there is no rdma_ctl", "there is no rdma_ctl on {node}",
       "macOS 26.2 or later", "this macOS has no RDMA over Thunderbolt",
       "update to macOS 26.2 or later; on Thunderbolt 4 set rdma = false on the link"},
      {"rdma-disabled", "gid", "rdma_ctl says disabled", "RDMA is disabled on {node}", "enabled",
       "its port stays down, and that of every peer too",
       "start the Mac in Recovery, open Utilities > Terminal, run `rdma_ctl enable`, restart; this "
       "cannot be done over SSH"},
      {"rdma-no-devices", "gid", "RDMA is enabled and no device is listed",
       "RDMA is enabled on {node}, but no device is listed", "{device}",
       "a Mac with Thunderbolt 4, or a driver that did not start",
       "Thunderbolt 4 stays like this: set rdma = false on its links; with Thunderbolt 5 restart "
       "the Mac"},
      {"rdma-no-device", "gid", "the link's device is not among those listed",
       "{node} has no RDMA device {device} (it has {devices})", "{device}",
       "the port is no Thunderbolt 5 port, or its device has another name",
       "name the device in the inventory: a_device or b_device"},
      {"gid-empty", "gid", "the device's GID table is empty", "{device} on {node} has no GID",
       "GID ::ffff:{address}",
       "the port is in a bridge or has no address: queue pairs fail with errno 96 (ENODATA)",
       "bringup apply"},
      {"gid-no-ipv4", "gid", "the GID table lacks the link's IPv4 address",
       "{device} on {node} has no GID ::ffff:{address}", "it in the GID table",
       "a GID follows the address of the physical port; MLX says \"No IPv4-mapped GID\", queue "
       "pairs fail with errno 22 (EINVAL)",
       "bringup apply; it may take seconds to appear"},
      {"gid-index", "gid", "the link's GID is there, at another index than 1",
       "GID ::ffff:{address} of {device} on {node} is at index {index}", "index 1",
       "RDMA works, but MLX's JACCL always uses index 1 and fails with errno 22 (EINVAL)",
       "remove the interface's other addresses, then bringup apply"},
      {"port-down", "port", "the RDMA port is not active", "{device} on {node} is {state}",
       "PORT_ACTIVE",
       "a port is active only while the cable runs at 80 Gb/s and RDMA is enabled at both ends",
       "is RDMA enabled on {peer_node}? is the cable a Thunderbolt 5 one, without a dock?"},
      {"port-down-peer", "port", "the RDMA port is not active and the peer has RDMA disabled",
       "{device} on {node} is {state}: RDMA is disabled on {peer_node}", "PORT_ACTIVE",
       "a port is active only when RDMA is enabled at both ends",
       "start {peer_node} in Recovery, run `rdma_ctl enable` in its Terminal, restart"},
      {"rdma-errno-12", "rdma", "errno 12 (ENOMEM) from a verbs call", "{seen}",
       "memory registered",
       "the limit of locked memory is too low, or the device's 100 regions are used up",
       "raise it (`ulimit -l unlimited`, /etc/security/limits.conf), or end the jobs that hold "
       "RDMA "
       "memory"},
      {"rdma-errno-16", "rdma", "errno 16 (EBUSY) from a verbs call", "{seen}", "a queue pair",
       "a device has ten queue pairs; a job, alive or dead, holds them all",
       "end the job (`lsof | grep librdma` on {node} names it), or restart the Mac; trying again "
       "in "
       "a loop can wedge the port"},
      {"rdma-errno-22", "rdma", "errno 22 (EINVAL) from a verbs call", "{seen}",
       "a queue pair that is ready to receive",
       "the GID or its index does not belong to this link's address",
       "bringup status shows the GIDs; bringup apply sets the address"},
      {"rdma-errno-60", "rdma", "errno 60 (ETIMEDOUT), 65 (EHOSTUNREACH) or 110 from a verbs call",
       "{seen}", "an answer of the peer",
       "the peer is not reachable: bridge, wrong route, firewall or Local Network privacy",
       "bringup status; then bringup apply"},
      {"rdma-errno-96", "rdma", "errno 96 (ENODATA) from a verbs call", "{seen}", "a GID",
       "the GID table is empty: the port is in a bridge or has no address", "bringup apply"},
      {"rdma-failed", "rdma", "the RDMA exchange failed otherwise", "{seen}", "messages both ways",
       "the peer died, the link went down, or the program could not run",
       "run it again; the raw output is in the run's folder. If it stays, restart both nodes"},
      {"rdma-loss", "rdma", "RDMA messages were lost", "{seen}", "none lost",
       "UC does not send again: a job would wait for ever",
       "reseat or replace the cable between {place} and {peer}"},
      {"rdma-slow", "rdma", "the RDMA bandwidth is below what the link's kind expects", "{seen}",
       "{expected}", "a slower cable or port, or a busy node",
       "bringup verify --only rdma measures it again; compare it with its peers"},
      {"peer-slow", "peers", "much worse than the median of its kind", "{seen}", "{expected}",
       "other links of the same kind do better: it is this one", "{advice}"},
      {"baseline-slow", "baseline", "much worse than in the last good run", "{seen}", "{expected}",
       "the link did better before: something changed",
       "compare the two reports; reseat the cable between {place} and {peer}"},
      {"internet-sharing", "node",
       "a bridge of Internet Sharing (bridge100 and up) has a link's "
       "port",
       "{place} is a member of {bridge} (Internet Sharing)", "{interface} stands alone",
       "Internet Sharing takes ports into a bridge of its own and puts them back when removed",
       "switch Internet Sharing off in System Settings > General > Sharing on {node}"},
      {"default-route", "node",
       "the default route leaves through a Thunderbolt link's port, or through the bridge it is in",
       "the default route of {node} leaves through {other}", "a default route over the LAN",
       "a DHCP lease on the bridge or the port has taken it: the node may lose the network",
       "bringup apply, then renew the LAN's lease on {node}"},
      {"not-thunderbolt", "node",
       "the hardware ports name the interface of a Thunderbolt link as Ethernet or Wi-Fi",
       "{place} is the port \"{port}\"", "a Thunderbolt port, as kind = \"{kind}\" says",
       "the inventory names a network card: it never has the speed of Thunderbolt, nor its RDMA",
       "name the Thunderbolt port in the inventory, or declare the link's kind as it is"},
      {"segment-bridge", "node", "a segment lies on a bridge of Thunderbolt ports",
       "RDMA impossible on {interface} (segment {segment}): a port in a bridge has no RDMA",
       "links, one for each cable, where RDMA is wanted",
       "the bridge is kept as declared: TCP works over it, and jobs run without RDMA",
       "nothing to do for TCP; for RDMA declare the cables as [[links]] in {source}"},
      {"expect-no-address", "node", "[[expect]] names a node to which the fleet gives no address",
       "[[expect]] ({where}): {node} has no address in any link or segment", "an address to ask",
       "whether {node} is reached was not tested",
       "put the address in place of the name: to = \"192.168.1.7\""},
      {"ethernet-port", "node",
       "the cable is in the Mac Studio's port beside Ethernet (Thunderbolt 1, en2)",
       "{place} is the port next to Ethernet", "another Thunderbolt port",
       "RDMA has been seen to fail on this port of the Mac Studio",
       "move the cable to another port and name it in the inventory"},
      {"exo-daemon", "node", "exo.app's LaunchDaemon, its network location, or both are there",
       "exo's network set-up is installed on {node}", "the links' addresses left alone",
       "it puts the Thunderbolt ports back on DHCP every 30 minutes",
       "`sudo launchctl bootout system/io.exo.networksetup` on {node}, remove its plist, switch "
       "the location back, then bringup apply"},
      {"os-differs", "node", "the ends run different builds of macOS",
       "{node} runs macOS {version}, {peer_node} {peer_version}", "the same build on all nodes",
       "RDMA between different builds is not tested by Apple, and has failed",
       "update the older one"},
      {"service-no-address", "service",
       "the fleet joins the two nodes by no link, segment or route",
       "{service} of {node} has no address for {from}", "an address that {from} can reach",
       "nothing was tried, since nothing says where",
       "give the service an address in [[services]]"},
      {"service-not-running", "service",
       "no connection, and nothing listens on the port of the server's node",
       "nothing listens on port {port} of {node}", "{service}",
       "the program does not run, or uses another port",
       "start it on {node}, or correct the port in [[services]]"},
      {"service-wrong-address", "service",
       "no connection, and the port listens on other addresses than the one that is looked for",
       "port {port} of {node} listens on {have}", "{address}, or 0.0.0.0",
       "the program serves its own machine or another network only",
       "let {service} listen on {address}, or on 0.0.0.0 for every address of {node}"},
      {"service-refused", "service",
       "the connection is refused, and the server listens there or could not be asked",
       "{address} port {port} refuses {from} ({firewall})", "a connection to {service}",
       "nothing listens there, or a firewall rejects what comes from {from}",
       "is {service} running on {node}, and does its firewall let {from} in?"},
      {"service-filtered", "service",
       "the server listens where it is looked for, and the connection gets no answer",
       "{address} port {port} does not answer {from}, though {node} listens there ({firewall})",
       "a connection to {service}", "a firewall drops what comes from {from}",
       "allow port {port} in the firewall of {node}: System Settings > Network > Firewall, or "
       "`ufw allow {port}/tcp`, or the rule that `nft list ruleset` shows"},
      {"service-silent", "service",
       "the connection gets no answer, and the server's node could not be asked who listens",
       "{address} port {port} does not answer {from} ({firewall})", "a connection to {service}",
       "{node} is away, or a firewall drops what comes from {from}",
       "bringup verify says whether the way to {node} is sound; then look at its firewall"},
      {"service-no-route", "service", "the node has no way to the server's address",
       "{from} has no way to {address} port {port}: {text}", "a connection to {service}",
       "the link is down, or a route is missing", "bringup verify names the broken layer"},
      {"service-hung", "service", "a connection is there, and no answer comes in time",
       "{service} takes the connection from {from} and says nothing: {text}", "an answer",
       "the program hangs or waits for something, or speaks another protocol",
       "look at the program's log on {node}, and start it again"},
      {"service-wrong-protocol", "service", "what answers does not speak the declared protocol",
       "port {port} of {node} does not speak {kind}: {text}", "{service}",
       "another program has the port, or it wants TLS, or the inventory names the wrong kind",
       "`lsof -nP -iTCP:{port} -sTCP:LISTEN` on {node} names the program"},
      {"service-unhealthy", "service", "the server answers and says that it is not well",
       "{service} of {node} says {text}", "healthy",
       "the network is fine, the program is not ready or has failed",
       "look at the program's log on {node}"},
      {"service-no-health", "service",
       "gRPC is spoken, without the standard health service (grpc.health.v1)",
       "{service} of {node} has no health service: {text}", "grpc.health.v1.Health",
       "the way to it and gRPC itself are fine; whether the program is well is not known",
       "add the standard health service to the program, or declare kind tcp"},
      {"grpc-large-stalls", "service",
       "the small gRPC request was answered and the large one was not",
       "a message of {bytes} bytes from {from} to {address} port {port} does not get through: "
       "{text}",
       "it gets through like a small one",
       "full-sized packets are lost: something on the way has a smaller MTU than its ends",
       "bringup verify --only mtu shows the largest packet; set the same MTU everywhere"},
      {"discovery-no-interface", "discovery",
       "an end's interface is down or has no address, so that the probe cannot use it",
       "{place} has no IPv4 address or is down", "{address} on it",
       "nothing can be sent or heard there", "bringup apply, or bringup verify for the reason"},
      {"discovery-subnet-mismatch", "discovery", "the two ends do not agree on their subnet",
       "{place} has {have}, {peer} has {peer_have}", "the same subnet at both ends",
       "each end computes another broadcast address, and drops what is sent to the other's",
       "give both the same prefix: bringup apply"},
      {"discovery-wrong-broadcast", "discovery",
       "an interface's broadcast address is not that of its own prefix",
       "{place} has the broadcast address {have}", "{expected}",
       "programs that ask the system for it send to an address that nobody listens to",
       "set it anew: `{command}` on {node}"},
      {"discovery-privacy", "discovery",
       "a Mac's own datagrams fail with \"No route to host\" though its interface has the address",
       "{place} cannot send: no route to host", "datagrams that leave",
       "macOS 15 and later keep programs from the local network until a user allows them",
       "System Settings > Privacy & Security > Local Network on {node}: allow the terminal and "
       "sshd, or run as root"},
      {"discovery-send", "discovery", "datagrams cannot be sent on an interface",
       "{place} cannot send: {text}", "datagrams that leave",
       "a firewall of {node} itself refuses them, or the interface has no route",
       "look at the firewall's rules for what leaves: `nft list ruleset`; `route -n get` or "
       "`ip route`"},
      {"discovery-silent", "discovery", "neither datagrams nor pings come through",
       "{place} hears nothing of {peer}, and no ping is answered", "datagrams from {peer}",
       "the way between the two is broken, discovery is not to blame",
       "bringup verify names the broken layer"},
      {"discovery-firewall", "discovery",
       "nothing is heard though pings are answered, and a firewall is active",
       "{place} hears nothing of {peer}, though pings are answered ({firewall})",
       "datagrams from {peer}", "the firewall of {node} drops UDP, or this program's",
       "allow UDP in it: System Settings > Network > Firewall, or the rule that `nft list ruleset` "
       "or `ufw status` shows"},
      {"discovery-one-way", "discovery",
       "one direction is heard and the other is not, and no firewall is known",
       "{peer} hears {place}, and not the other way round ({firewall})", "both directions",
       "who is heard is not found by {node}: a firewall there, or a filter of what {peer} sends",
       "look at the firewall of {node} for UDP that comes in, and of {peer_node} for what leaves"},
      {"discovery-partial", "discovery", "one way of sending is heard and another is not",
       "{place} does not hear {missing} of {peer}, but {heard}", "broadcast, limited, multicast",
       "programs that find their peers by {missing} do not find {peer_node}",
       "a switch that filters it, or a rule in the firewall of {node} ({firewall})"},
      {"discovery-elsewhere", "discovery", "datagrams arrive on another interface than declared",
       "{node} hears {peer} on {other}, not on {interface}", "them on {interface}",
       "the cable leads elsewhere, or a bridge joins the interfaces",
       "bringup verify --only cable; take {interface} out of its bridge"},
  };
  return rows;
}

const DiagnosisRow& diagnosis_row(std::string_view id) {
  const auto& rows = diagnosis_rows();
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.id == id; });
  if (found == rows.end()) throw std::out_of_range(fmt::format("no diagnosis {}", id));
  return *found;
}

namespace {

std::string filled(std::string_view text, const Words& words) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto end = text[i] == '{' ? text.find('}', i) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out += text[i++];
      continue;
    }
    const auto name = text.substr(i + 1, end - i - 1);
    const auto word = std::find_if(words.begin(), words.end(),
                                   [&](const auto& one) { return one.first == name; });
    if (word == words.end()) throw std::out_of_range(fmt::format("no word for {{{}}}", name));
    out += word->second;
    i = end + 1;
  }
  return out;
}

}  // namespace

Diagnosis diagnose(std::string_view id, const std::string& node, const std::string& interface,
                   const Words& words) {
  const DiagnosisRow& row = diagnosis_row(id);
  Words all = words;
  all.emplace_back("node", node);
  all.emplace_back("interface", interface);
  all.emplace_back("place", interface.empty() ? node : node + ":" + interface);
  Diagnosis found;
  found.layer = row.layer;
  found.node = node;
  found.target = interface;
  found.seen = filled(row.seen, all);
  found.expected = filled(row.expected, all);
  found.cure = filled(row.cure, all);
  found.meaning = filled(row.means, all);
  found.id = row.id;
  return found;
}

std::string diagnoses_document() {
  std::string text =
      "# Diagnoses\n\n"
      "What `bringup verify` and `bringup status` name, from the bottom layer up. Of each link the "
      "first broken layer is shown, with what was seen, what it means and what to do. `id` is the "
      "member `id` of reports. Words in braces are filled in; {place} is an end of a link, "
      "`node:interface`.\n";
  std::string_view layer;
  for (const auto& row : diagnosis_rows()) {
    if (row.layer != layer) {
      layer = row.layer;
      text += fmt::format("\n## {}\n", layer);
    }
    text += fmt::format("\n### `{}`\n\n{}\n\n- seen: {}\n- expected: {}\n- means: {}\n- cure: {}\n",
                        row.id, row.when, row.seen, row.expected, row.means, row.cure);
  }
  return text;
}

}  // namespace bringup::verify
