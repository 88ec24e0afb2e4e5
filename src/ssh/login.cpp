#include "handshake_steps.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"

namespace bringup::ssh {
namespace {

// sshd's MaxAuthTries is 6 by default, and a password may have to follow.
constexpr std::size_t kMaxOffers = 5;
constexpr int kMaxQuestions = 5;

}  // namespace

// Keys of the agent that are wanted: those of `blobs` first, in that order, then the others unless
// the user named the only ones to offer.
std::vector<AgentKey> Handshake::agent_keys(const std::vector<std::string>& blobs) const {
  std::vector<AgentKey> held = context_.agent->keys();
  std::vector<AgentKey> wanted;
  for (const std::string& blob : blobs) {
    for (const AgentKey& key : held) {
      if (!blob.empty() && key.blob == blob) wanted.push_back(key);
    }
  }
  if (!endpoint_.identities_only) {
    for (AgentKey& key : held) {
      if (std::find(blobs.begin(), blobs.end(), key.blob) == blobs.end()) {
        wanted.push_back(std::move(key));
      }
    }
  }
  if (wanted.size() > kMaxOffers) wanted.resize(kMaxOffers);
  return wanted;
}

Handshake::Login Handshake::settle(int rc) {
  if (rc == SSH_AUTH_SUCCESS) return Login::accepted;
  if (rc == SSH_AUTH_PARTIAL) {
    partial_ = true;
    return Login::denied;
  }
  return rc == SSH_AUTH_DENIED ? Login::denied : Login::failed;
}

Handshake::Login Handshake::offer_agent_keys(const std::vector<AgentKey>& keys) {
  auto channel = context_.agent->open(keys);
  if (!channel) return Login::denied;
  const int near = channel->get();
  watch_.guard_also(near);
  ssh_set_agent_socket(session_.get(), channel->release());  // closed by ssh_free()
  offers_ += keys.size();
  for (const AgentKey& key : keys) {
    offered_.push_back("agent: " +
                       printable(key.comment.empty() ? "unnamed key" : key.comment, 60));
  }
  const int rc = drive(SSH_AUTH_AGAIN, [&] { return ssh_userauth_agent(session_.get(), nullptr); });
  watch_.guard_also(-1);
  return settle(rc);
}

Handshake::Login Handshake::offer_file(const std::string& path) {
  ssh_key key = nullptr;
  std::string problem;
  {
    const Pause pause(*this);
    key = context_.identities->unlock(path, &problem);
  }
  if (key == nullptr) {
    unusable_.push_back(fmt::format("{}: {}", path, problem));
    return Login::denied;
  }
  ++offers_;
  offered_.push_back(path);
  return settle(
      drive(SSH_AUTH_AGAIN, [&] { return ssh_userauth_publickey(session_.get(), nullptr, key); }));
}

Handshake::Login Handshake::answer_questions() {
  for (int round = 0; round < kMaxQuestions; ++round) {
    const int rc = drive(SSH_AUTH_AGAIN,
                         [&] { return ssh_userauth_kbdint(session_.get(), nullptr, nullptr); });
    if (rc != SSH_AUTH_INFO) return settle(rc);
    const int prompts = ssh_userauth_kbdint_getnprompts(session_.get());
    for (int i = 0; i < prompts; ++i) {
      ++questions_;
      const auto index = static_cast<unsigned int>(i);
      char echo = 0;
      const char* text = ssh_userauth_kbdint_getprompt(session_.get(), index, &echo);
      const std::string question = printable(text != nullptr ? text : "", 200);
      const bool password = echo == 0 && (question.find("assword") != std::string::npos);
      const Pause pause(*this);
      const auto answer =
          password ? context_.prompter->secret("password", "SSH password: ")
                   : context_.prompter->secret("question " + endpoint_.name + " " + question,
                                               fmt::format("{}: {} ", endpoint_.name, question));
      if (!answer) return Login::denied;
      std::string terminated(answer->reveal());
      ssh_userauth_kbdint_setanswer(session_.get(), index, terminated.c_str());
      const Secret wiped(std::move(terminated));
    }
  }
  return Login::denied;
}

Handshake::Login Handshake::give_password() {
  std::optional<Secret> answer;
  {
    const Pause pause(*this);
    answer = context_.prompter->secret("password", "SSH password: ");
  }
  if (!answer) return Login::denied;
  std::string terminated(answer->reveal());
  const int rc = drive(SSH_AUTH_AGAIN, [&] {
    return ssh_userauth_password(session_.get(), nullptr, terminated.c_str());
  });
  const Secret wiped(std::move(terminated));
  return settle(rc);
}

HandshakeRefusal Handshake::denied() {
  const std::string who = fmt::format("{}@{}", endpoint_.user, endpoint_.peer);
  std::string message;
  if (partial_) {
    message = fmt::format("login as {} needs more than a key", who);
  } else if (offered_.empty()) {
    message = fmt::format("no key to log in as {} with", who);
  } else {
    message = fmt::format("login as {} was refused; offered: {}", who, join(offered_, ", "));
  }
  if (!unusable_.empty()) message += "; not usable: " + join(unusable_, ", ");
  return refuse(ErrorCode::unauthorized, message,
                context_.password == PasswordAuth::on
                    ? "check the user name and the password"
                    : fmt::format("put a public key into ~/.ssh/authorized_keys of {}, or use "
                                  "--ask-pass",
                                  endpoint_.user));
}

tl::expected<void, HandshakeError> Handshake::log_in() {
  phase_ = Phase::login;
  std::vector<std::string> files;
  std::vector<std::string> blobs;
  {
    const Pause pause(*this);  // another session's passphrase may be waited for
    for (const std::string& path : endpoint_.identity_files) {
      const IdentityStore::Identity& identity = context_.identities->find(path);
      if (!identity.exists) {
        if (!endpoint_.default_identities) unusable_.push_back(path + ": no such file");
        continue;
      }
      files.push_back(path);
      blobs.push_back(identity.blob);
    }
  }
  const std::vector<AgentKey> held = agent_keys(blobs);
  if (!held.empty()) {
    const Login login = offer_agent_keys(held);
    if (login == Login::accepted) return {};
    if (login == Login::failed) return lost();
  }
  for (std::size_t i = 0; i < files.size() && !partial_ && offers_ < kMaxOffers; ++i) {
    const bool with_agent = std::any_of(held.begin(), held.end(), [&](const AgentKey& key) {
      return !blobs[i].empty() && key.blob == blobs[i];
    });
    if (with_agent) continue;
    const Login login = offer_file(files[i]);
    if (login == Login::accepted) return {};
    if (login == Login::failed) return lost();
  }
  if (context_.password == PasswordAuth::on) {
    if (offers_ == 0) {
      // Only this tells which methods there are; after a refused key that is known.
      const Login login =
          settle(drive(SSH_AUTH_AGAIN, [&] { return ssh_userauth_none(session_.get(), nullptr); }));
      if (login == Login::accepted) return {};
      if (login == Login::failed) return lost();
    }
    const auto methods = static_cast<unsigned>(ssh_userauth_list(session_.get(), nullptr));
    Login login = Login::denied;
    if ((methods & SSH_AUTH_METHOD_INTERACTIVE) != 0) {
      offered_.emplace_back("keyboard-interactive");
      login = answer_questions();
    }
    // A server without PAM offers keyboard-interactive and denies it without a question.
    if (login == Login::denied && questions_ == 0 && (methods & SSH_AUTH_METHOD_PASSWORD) != 0) {
      offered_.emplace_back("password");
      login = give_password();
    }
    if (login == Login::accepted) return {};
    if (login == Login::failed) return lost();
  }
  return denied();
}

}  // namespace bringup::ssh
