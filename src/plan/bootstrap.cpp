#include "bringup/plan/bootstrap.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bootstrap_codes.hpp"
#include "bringup/platform/darwin.hpp"
#include "bringup/util/text.hpp"
#include "sudo_words.hpp"

namespace bringup::plan {
namespace {

using facts::Frame;

const Frame* find(const std::vector<Frame>& frames, std::string_view name) {
  const auto it = std::ranges::find(frames, name, &Frame::name);
  return it == frames.end() ? nullptr : &*it;
}

bool says(const Frame& frame, std::string_view text) {
  return frame.payload.find(text) != std::string::npos;
}

// sudo's lecture may stand before what counts.
std::string last_line(const Frame& frame) {
  const auto lines = split_lines(trim(frame.payload));
  return lines.empty() ? fmt::format("exit status {} and no words", frame.exit_status)
                       : printable(lines.back(), 300);
}

std::string key_words(const LoginKey& key) {
  return fmt::format("{} {}{}", printable(key.type, 60), key.fingerprint,
                     key.comment.empty() ? "" : " (" + printable(key.comment, 80) + ")");
}

facts::Os os_of(std::string_view uname) {
  if (uname == "Darwin") return facts::Os::darwin;
  return uname == "Linux" ? facts::Os::linux_kernel : facts::Os::other;
}

void plan_keys(const std::vector<LoginKey>& keys, const BootstrapLook& look, BootstrapPlan& plan) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    BootstrapItem item{BootstrapPart::key, BootstrapStatus::ok, {}, {}};
    if (look.has_key[i]) {
      item.text = "key in ~/.ssh/authorized_keys: " + key_words(keys[i]);
    } else if (!look.home_problem.empty()) {
      item.status = BootstrapStatus::failed;
      item.text = fmt::format("key not added: {}", look.home_problem);
      item.cure = "make ~/.ssh a folder and ~/.ssh/authorized_keys a file of the login's own";
    } else {
      item.status = BootstrapStatus::change;
      item.text = "key to ~/.ssh/authorized_keys: " + key_words(keys[i]);
      plan.keys.push_back(i);
    }
    plan.items.push_back(std::move(item));
  }
}

void plan_sudoers(const model::Fleet& fleet, std::size_t node, const BootstrapLook& look,
                  SudoScope scope, BootstrapPlan& plan) {
  BootstrapItem item{BootstrapPart::sudoers, BootstrapStatus::ok, {}, {}};
  if (!is_sudoers_user(look.user)) {
    item.status = BootstrapStatus::failed;
    item.text = fmt::format("no rule for sudo: \"{}\" cannot stand in sudoers as a user's name",
                            printable(look.user, 60));
    item.cure = "log in as another user";
    plan.items.push_back(std::move(item));
    return;
  }
  std::string wanted = sudoers_dropin(fleet, node, look.os, look.user, scope);
  const bool works = look.sudo == platform::SudoState::passwordless;
  if (works && look.dropin == BootstrapLook::Dropin::present &&
      trim(look.dropin_text) == trim(wanted)) {
    item.text = fmt::format("{} is as it should be", kSudoersFile);
  } else if (works && look.dropin == BootstrapLook::Dropin::absent) {
    item.text = "sudo works without a password by a rule of the node's own";
  } else if (look.sudo == platform::SudoState::absent) {
    item.status = BootstrapStatus::failed;
    item.text = "there is no sudo on the node";
    item.cure = "install sudo there, or set user = \"root\" for it in the inventory";
  } else {
    item.status = BootstrapStatus::change;
    item.text = fmt::format("{}: {} may run {} as root without a password", kSudoersFile, look.user,
                            scope == SudoScope::full ? "every command" : "bringup's commands");
    plan.sudoers = std::move(wanted);
  }
  plan.items.push_back(std::move(item));
}

void judge_keys(const Frame& result, BootstrapItem& item) {
  if (result.exit_status == 0) {
    item.status = BootstrapStatus::done;
    return;
  }
  item.status = BootstrapStatus::failed;
  item.text = "key not added: " + last_line(result);
  switch (result.exit_status) {
    case bootstrap_code::kWrite:
      item.text = "key not added: writing ~/.ssh/authorized_keys failed: " + last_line(result);
      item.cure = "free space on the node (`df -h ~`); the old file was left as it was";
      break;
    case bootstrap_code::kPlace:
      item.cure = "make ~/.ssh a folder and ~/.ssh/authorized_keys a file of the login's own";
      break;
    default:
      item.cure = "see `ls -ld ~ ~/.ssh` and `df -h ~` on the node";
  }
}

void judge_sudoers(const Frame& result, BootstrapItem& item) {
  if (result.exit_status == 0) {
    const bool kept = trim(result.payload).ends_with("kept");
    item.status = kept ? BootstrapStatus::ok : BootstrapStatus::done;
    if (kept) item.text = fmt::format("{} is as it should be", kSudoersFile);
    return;
  }
  item.status = BootstrapStatus::failed;
  item.text = fmt::format("{} not written: {}", kSudoersFile, last_line(result));
  const SudoRefusal refusal = sudo_refusal(result.payload);
  if (refusal == SudoRefusal::wrong_password) {
    item.text = fmt::format("{} not written: sudo refused the password", kSudoersFile);
    item.cure = "give sudo its own password with --ask-become-pass";
  } else if (refusal == SudoRefusal::not_allowed) {
    item.text = fmt::format("{} not written: the login may not use sudo for it", kSudoersFile);
    item.cure =
        "make the user an administrator there (on a Mac: System Settings > Users & Groups; on "
        "Linux: the group sudo or wheel), then run it again";
  } else if (refusal == SudoRefusal::wants_password) {
    item.text = fmt::format("{} not written: sudo wants a password", kSudoersFile);
    item.cure = "add --ask-pass, or --ask-become-pass where sudo's is another";
  } else if (result.exit_status == bootstrap_code::kCheck) {
    item.cure = "run `sudo visudo -c` on the node; nothing was put in place";
  } else if (result.exit_status == bootstrap_code::kPlace) {
    item.cure = "see `ls -ld /etc/sudoers.d` on the node; sudoers must read that folder";
  } else {
    item.cure = "see `df -h /etc` on the node; nothing was put in place";
  }
}

}  // namespace

std::string_view to_string(BootstrapPart part) {
  switch (part) {
    case BootstrapPart::key:
      return "key";
    case BootstrapPart::sudoers:
      return "sudoers";
    case BootstrapPart::login:
      return "login";
    case BootstrapPart::sudo:
      break;
  }
  return "sudo";
}

std::string_view to_string(BootstrapStatus status) {
  switch (status) {
    case BootstrapStatus::ok:
      return "ok";
    case BootstrapStatus::change:
      return "change";
    case BootstrapStatus::done:
      return "changed";
    case BootstrapStatus::failed:
      return "failed";
    case BootstrapStatus::not_done:
      break;
  }
  return "not-done";
}

Expected<BootstrapLook> read_bootstrap_look(const std::vector<Frame>& frames, std::size_t keys) {
  const auto missing = [](std::string_view what) {
    return fail(ErrorCode::remote, fmt::format("the node did not answer the question for {}", what),
                "see the raw output in the run's folder");
  };
  BootstrapLook look;
  const Frame* uname = find(frames, "boot.uname");
  const Frame* user = find(frames, "boot.user");
  const Frame* uid = find(frames, "boot.uid");
  const Frame* home = find(frames, "boot.home");
  const Frame* sudo = find(frames, "boot.sudo");
  if (uname == nullptr || user == nullptr || uid == nullptr) return missing("its user");
  if (home == nullptr) return missing("its home folder");
  if (sudo == nullptr || find(frames, "end") == nullptr) return missing("sudo");
  look.os = os_of(trim(uname->payload));
  look.user = trim(user->payload);
  look.is_root = trim(uid->payload) == "0";
  look.home_problem = printable(trim(home->payload), 300);
  for (std::size_t i = 0; i < keys; ++i) {
    const Frame* key = find(frames, fmt::format("boot.key.{}", i));
    if (key == nullptr) return missing("its keys");
    look.has_key.push_back(key->exit_status == 0);
  }
  look.sudo = platform::darwin::parse_sudo(sudo->exit_status, sudo->payload);
  if (const Frame* dropin = find(frames, "boot.dropin"); dropin != nullptr) {
    if (dropin->exit_status == 0 && !dropin->truncated) {
      look.dropin = BootstrapLook::Dropin::present;
      look.dropin_text = dropin->payload;
    } else if (says(*dropin, "No such file")) {
      look.dropin = BootstrapLook::Dropin::absent;
    }
  }
  return look;
}

BootstrapPlan plan_bootstrap(const model::Fleet& fleet, std::size_t node,
                             const std::vector<LoginKey>& keys, const BootstrapLook& look,
                             SudoScope scope) {
  BootstrapPlan plan;
  plan_keys(keys, look, plan);
  if (!look.is_root && fleet.nodes.at(node).become != model::Become::none) {
    plan_sudoers(fleet, node, look, scope, plan);
  }
  return plan;
}

std::vector<BootstrapItem> judge_bootstrap(const BootstrapPlan& plan,
                                           const std::vector<Frame>& frames,
                                           const std::optional<Error>& lost) {
  std::vector<BootstrapItem> items = plan.items;
  for (BootstrapItem& item : items) {
    if (item.status != BootstrapStatus::change) continue;
    const Frame* result =
        find(frames, item.part == BootstrapPart::key ? "boot.keys" : "boot.sudoers");
    if (result != nullptr) {
      item.part == BootstrapPart::key ? judge_keys(*result, item) : judge_sudoers(*result, item);
      continue;
    }
    item.status = BootstrapStatus::not_done;
    item.cure = lost ? lost->hint : "";
    if (item.cure.empty()) item.cure = "run it again: it does what is left";
  }
  return items;
}

BootstrapItem judge_sudo_check(const std::vector<Frame>& frames) {
  BootstrapItem item{BootstrapPart::sudo, BootstrapStatus::ok, "sudo asks for no password", {}};
  const Frame* sudo = find(frames, "boot.sudo");
  if (sudo != nullptr && sudo->exit_status == 0) return item;
  item.status = BootstrapStatus::failed;
  item.text = "sudo does not work without a password: " +
              (sudo == nullptr ? std::string("no answer") : last_line(*sudo));
  item.cure = fmt::format(
      "see what in /etc/sudoers stands after the line that reads /etc/sudoers.d: of two rules the "
      "last counts; {} is there",
      kSudoersFile);
  return item;
}

}  // namespace bringup::plan
