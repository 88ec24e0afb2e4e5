#include "bringup/ssh/identities.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "bringup/util/digest.hpp"
#include "bringup/util/fd.hpp"
#include "bringup/util/text.hpp"

#include <fcntl.h>

namespace bringup::ssh {
namespace {

constexpr std::size_t kMaxKeyFile = 64 * 1024;
constexpr int kPassphraseTries = 3;

// The file's text, or an errno.
int read_bounded(const std::string& path, Secret* out) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno;
  std::string text(kMaxKeyFile, '\0');
  const ssize_t got = ::read(fd.get(), text.data(), text.size());
  if (got < 0) return errno;
  text.resize(static_cast<std::size_t>(got));
  *out = Secret(std::move(text));
  return 0;
}

// Length-prefixed strings of RFC 4251.
class Reader {
 public:
  explicit Reader(std::string_view data) : data_(data) {}
  bool number(std::uint32_t* out) {
    if (data_.size() < 4) return false;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      value = (value << 8U) | static_cast<unsigned char>(data_[i]);
    }
    data_.remove_prefix(4);
    *out = value;
    return true;
  }
  bool string(std::string_view* out) {
    std::uint32_t size = 0;
    if (!number(&size) || size > data_.size()) return false;
    *out = data_.substr(0, size);
    data_.remove_prefix(size);
    return true;
  }

 private:
  std::string_view data_;
};

std::string blob_of(ssh_key key) {
  char* base64 = nullptr;
  if (ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK) return {};
  std::string blob = base64_decode(base64);
  ssh_string_free_char(base64);
  return blob;
}

std::string blob_of_pub_file(const std::string& path) {
  Secret text;
  if (read_bounded(path + ".pub", &text) != 0) return {};
  const auto words = split_blank(trim(text.reveal()));
  return words.size() >= 2 ? base64_decode(words[1]) : std::string();
}

KeyPtr import(const Secret& text, const char* passphrase) {
  ssh_key key = nullptr;
  const std::string terminated(text.reveal());
  const int rc =
      ssh_pki_import_privkey_base64(terminated.c_str(), passphrase, nullptr, nullptr, &key);
  const Secret wiped(std::move(const_cast<std::string&>(terminated)));
  return KeyPtr(rc == SSH_OK ? key : nullptr);
}

}  // namespace

bool peek_openssh_key(std::string_view text, std::string* blob, bool* encrypted) {
  constexpr std::string_view kBegin = "-----BEGIN OPENSSH PRIVATE KEY-----";
  constexpr std::string_view kEnd = "-----END OPENSSH PRIVATE KEY-----";
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return false;
  std::string base64;
  for (const char c : text.substr(begin + kBegin.size(), end - begin - kBegin.size())) {
    if (c != '\n' && c != '\r' && c != ' ') base64 += c;
  }
  const Secret decoded(base64_decode(base64));
  const Secret wiped(std::move(base64));
  std::string_view data = decoded.reveal();
  const std::string_view magic("openssh-key-v1\0", 15);
  if (!data.starts_with(magic)) return false;
  Reader reader(data.substr(magic.size()));
  std::string_view cipher;
  std::string_view kdf;
  std::string_view kdf_options;
  std::uint32_t count = 0;
  std::string_view key;
  if (!reader.string(&cipher) || !reader.string(&kdf) || !reader.string(&kdf_options) ||
      !reader.number(&count) || count != 1 || !reader.string(&key)) {
    return false;
  }
  *blob = key;
  *encrypted = cipher != "none";
  return true;
}

IdentityStore::Slot& IdentityStore::slot(const std::string& path) {
  const std::lock_guard lock(mutex_);
  auto& place = slots_[path];
  if (!place) place = std::make_unique<Slot>();
  return *place;
}

void IdentityStore::read(Slot& slot, const std::string& path) {
  if (slot.read) return;
  slot.read = true;
  Identity& identity = slot.identity;
  identity.path = path;
  Secret text;
  const int error = read_bounded(path, &text);
  identity.exists = error != ENOENT && error != ENOTDIR;
  if (error != 0) {
    identity.problem = std::generic_category().message(error);
    return;
  }
  bool encrypted = false;
  if (!peek_openssh_key(text.reveal(), &identity.blob, &encrypted)) {
    encrypted = text.reveal().find("ENCRYPTED") != std::string_view::npos;
  }
  identity.encrypted = encrypted;
  if (encrypted) {
    if (identity.blob.empty()) identity.blob = blob_of_pub_file(path);
    return;
  }
  identity.key = import(text, nullptr);
  slot.tried = true;
  if (identity.key == nullptr) {
    identity.problem = "not a private key that can be used";
    return;
  }
  if (identity.blob.empty()) identity.blob = blob_of(identity.key.get());
}

const IdentityStore::Identity& IdentityStore::find(const std::string& path) {
  Slot& place = slot(path);
  const std::lock_guard lock(place.mutex);
  read(place, path);
  return place.identity;
}

bool IdentityStore::locked(const std::string& path) {
  Slot& place = slot(path);
  const std::lock_guard lock(place.mutex);
  read(place, path);
  return place.identity.encrypted && !place.tried;
}

ssh_key IdentityStore::unlock(const std::string& path, std::string* problem) {
  Slot& place = slot(path);
  const std::lock_guard lock(place.mutex);
  read(place, path);
  Identity& identity = place.identity;
  if (!place.tried && identity.encrypted) {
    place.tried = true;
    Secret text;
    read_bounded(path, &text);
    identity.problem = "its passphrase was not given";
    for (int attempt = 0; attempt < kPassphraseTries; ++attempt) {
      const auto answer = prompter_->secret(
          fmt::format("passphrase {} {}", attempt, path),
          fmt::format("{}assphrase for {}: ", attempt == 0 ? "P" : "Wrong passphrase. P", path));
      if (!answer) break;
      std::string phrase(answer->reveal());
      identity.key = import(text, phrase.c_str());
      const Secret wiped(std::move(phrase));
      if (identity.key != nullptr) {
        identity.problem.clear();
        break;
      }
      identity.problem = "the passphrase was wrong";
    }
  }
  if (identity.key == nullptr) *problem = identity.problem;
  return identity.key.get();
}

}  // namespace bringup::ssh
