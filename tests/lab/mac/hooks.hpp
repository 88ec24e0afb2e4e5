// What the lab lets happen just before a Mac's interfaces change.
#pragma once

#include "commands.hpp"

namespace lab_mac {

// Runs before every change that root asks ifconfig for: waits (fault slow-ifconfig:SECONDS), ends
// the SSH session that asked (cut-on:N|WORD, counted from the moment the fault was set; the change
// does not happen) or takes the node off the network without a word (vanish-on:N|WORD).
// N counts changes from 1; WORD is any argument of ifconfig (deletem, up, en3).
void before_change(const Truth& truth, const Arguments& argv);

}  // namespace lab_mac
