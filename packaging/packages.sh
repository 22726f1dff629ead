# Debian packages that Gradloom needs, and how they are installed. Sourced by run, test and carry.

engine_packages="g++ cmake ninja-build libhwy-dev libeigen3-dev nlohmann-json3-dev libcli11-dev zlib1g-dev libstb-dev"
build_packages="$engine_packages qt6-base-dev libqt6opengl6-dev qt6-svg-dev qt6-l10n-tools libimgui-dev libgl-dev
  libgl1-mesa-dri"
test_packages="libgtest-dev xvfb xauth"
data_packages="dataset-fashion-mnist"
# What the other sample projects learn from.
sample_packages="wamerican wfrench wngerman wspanish witalian python3-vega-datasets"

say() { printf 'Gradloom: %s\n' "$*" >&2; }

# Those of the named packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$package"
  done
}

# Installs packages from Debian, saying which ones first; returns false where it cannot.
install_packages() {
  local missing root=()
  missing=$(missing_packages "$@")
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "these Debian packages are missing, and there is no apt-get here: $missing"
    return 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      say "as root, please run: apt-get install $missing"
      return 1
    fi
    root=(sudo)
  fi
  say "installing these Debian packages with apt-get: $missing"
  "${root[@]}" apt-get update -q >&2 || say "the package lists could not be renewed; trying with the old ones"
  # shellcheck disable=SC2086
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2
}
