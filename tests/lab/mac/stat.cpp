// stat with BSD's -f; GNU's -c is refused as on a Mac.
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "commands.hpp"

namespace lab_mac {
namespace {

struct Subject {
  std::string path;
  struct stat st {};
};

std::string octal(unsigned value) {
  char text[16];
  std::snprintf(text, sizeof text, "%o", value);
  return text;
}

// One field of the format, without its `%`. Nothing for a field that the lab does not know.
std::string field(const std::string& spec, const Subject& s, bool& known) {
  known = true;
  if (spec == "z") return std::to_string(s.st.st_size);
  if (spec == "i") return std::to_string(s.st.st_ino);
  if (spec == "m") return std::to_string(s.st.st_mtim.tv_sec);
  if (spec == "c") return std::to_string(s.st.st_ctim.tv_sec);
  if (spec == "a") return std::to_string(s.st.st_atim.tv_sec);
  if (spec == "l") return std::to_string(s.st.st_nlink);
  if (spec == "u") return std::to_string(s.st.st_uid);
  if (spec == "g") return std::to_string(s.st.st_gid);
  if (spec == "N") return s.path;
  if (spec == "p") return octal(s.st.st_mode);
  if (spec == "Lp" || spec == "OLp") return octal(s.st.st_mode & 07777U);
  if (spec == "HT") {
    return S_ISDIR(s.st.st_mode)   ? "Directory"
           : S_ISLNK(s.st.st_mode) ? "Symbolic Link"
                                   : "Regular File";
  }
  if (spec == "Su") {
    const passwd* p = ::getpwuid(s.st.st_uid);
    return p != nullptr ? p->pw_name : std::to_string(s.st.st_uid);
  }
  if (spec == "Sg") {
    const group* g = ::getgrgid(s.st.st_gid);
    return g != nullptr ? g->gr_name : std::to_string(s.st.st_gid);
  }
  known = false;
  return {};
}

// The longest specs first, so that `Lp` is not read as an unknown `L`.
bool expand(const std::string& format, const Subject& s, std::string& out) {
  for (std::size_t k = 0; k < format.size(); ++k) {
    if (format[k] != '%') {
      out += format[k];
      continue;
    }
    if (format.compare(k, 2, "%%") == 0) {
      out += '%';
      ++k;
      continue;
    }
    bool known = false;
    for (std::size_t length = 3; length >= 1 && !known; --length) {
      const std::string text = field(format.substr(k + 1, length), s, known);
      if (!known) continue;
      out += text;
      k += std::min(length, format.size() - k - 1);
    }
    if (!known) return false;
  }
  return true;
}

}  // namespace

int stat(const Truth&, const Arguments& argv) {
  std::string format = "%i %p %l %Su %Sg %z %a %m %c %N";
  bool follow = false;
  Arguments paths;
  for (std::size_t k = 1; k < argv.size(); ++k) {
    if (argv[k] == "-f" && k + 1 < argv.size()) {
      format = argv[++k];
    } else if (argv[k] == "-L") {
      follow = true;
    } else if (argv[k] == "-Lf" && k + 1 < argv.size()) {
      follow = true;
      format = argv[++k];
    } else if (argv[k].starts_with('-') && argv[k] != "-n") {
      std::fprintf(stderr, "stat: illegal option -- %s\n", argv[k].substr(1).c_str());
      return fail(1, "usage: stat [-FLnq] [-f format | -l | -r | -s | -x] [-t timefmt] [file ...]");
    } else if (argv[k] != "-n") {
      paths.push_back(argv[k]);
    }
  }
  int status = 0;
  for (const std::string& path : paths) {
    Subject s{path, {}};
    const int rc = follow ? ::stat(path.c_str(), &s.st) : ::lstat(path.c_str(), &s.st);
    if (rc != 0) {
      status = fail(
          1, "stat: " + path + ": " + (follow ? "stat" : "lstat") + ": " + std::strerror(errno));
      continue;
    }
    std::string line;
    if (!expand(format, s, line)) return fail(1, "stat: " + format + ": bad format");
    std::puts(line.c_str());
  }
  return status;
}

}  // namespace lab_mac
