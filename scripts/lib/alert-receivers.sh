# For scripts/setup.sh, to be sourced from the root of the project: whom Alertmanager tells in production.
#
# docker/alertmanager/production/ is made of docker/alertmanager.yml: the value of each line that ends with the name of a
# variable is that variable's. What nobody has said yet is `fill-in`, which leads nowhere and which preflight refuses.
# Written are only new files and what is still to be filled in: what a person wrote stays.

alerts_directory=docker/alertmanager/production
alerts_config=$alerts_directory/alertmanager.yml
alerts_secrets=$alerts_directory/secrets

# For .env.
alert_settings() { printf 'ALERTMANAGER_CONFIG=%s\nALERTMANAGER_SECRETS=%s\n' "$PWD/$alerts_config" "$PWD/$alerts_secrets"; }

# env_value NAME: what .env says, without quotes around it; of several lines the last, as compose reads it.
env_value() { sed -nE "s/^$1=//p" .env | tail -n 1 | sed -E "s/^([\"'])(.*)\1\$/\2/"; }

# alert_settings_elsewhere: refuses a .env that has Alertmanager look elsewhere than where setup.sh writes.
alert_settings_elsewhere() {
  local setting value
  while IFS= read -r setting; do
    value=$(env_value "${setting%%=*}")
    [[ -z $value || $value = "${setting#*=}" ]] \
      || refuse "${setting%%=*}: is $value in .env, which is yours to change: setup.sh writes ${setting#*=} only; take the line out to have that one"
  done < <(alert_settings)
}

# add_alert_settings: puts what .env does not have, or has without a value, into it.
add_alert_settings() {
  local setting name
  while IFS= read -r setting; do
    name=${setting%%=*}
    [ -z "$(env_value "$name")" ] || continue
    sed "/^$name=/d" .env >.env.new
    # What is last in it may lack its end.
    [ -z "$(tail -c 1 .env.new)" ] || echo >>.env.new
    printf '%s\n' "$setting" >>.env.new
    mv .env.new .env
  done < <(alert_settings)
}

# secret_file VARIABLE: the file with what is secret; nothing for what is not.
secret_file() {
  case $1 in
    ALERT_SMTP_PASSWORD) echo "$alerts_secrets/smtp-password" ;;
    ALERT_CHAT_URL) echo "$alerts_secrets/chat-url" ;;
    ALERT_PAGER_KEY) echo "$alerts_secrets/pager-key" ;;
    ALERT_HEARTBEAT_TOKEN) echo "$alerts_secrets/dead-mans-switch-token" ;;
  esac
}

# without_value VARIABLE: its value where nobody has said one. amtool takes it for what it is to be.
without_value() {
  case $1 in
    ALERT_SMTP_REQUIRE_TLS) echo true ;;
    # PagerDuty's own.
    ALERT_PAGER_URL) echo https://events.pagerduty.com/v2/enqueue ;;
    ALERT_SMTP_SMARTHOST) echo fill-in.invalid:587 ;;
    ALERT_HEARTBEAT_URL) echo https://fill-in.invalid/ ;;
    *) echo fill-in@fill-in.invalid ;;
  esac
}

# quoted VALUE: as YAML takes it for a text, or for what is one of its two words.
quoted() { case $1 in true | false) echo "$1" ;; *) printf "'%s'" "${1//\'/\'\'}" ;; esac; }

# decoded TEXT: with what a URL writes as %40.
decoded() { local text=${1//\\/\\\\}; printf '%b' "${text//%/\\x}"; }

# alerts_by_relay SMTP_URL: the relay of the notifications carries alerts as well, unless ALERT_SMTP_SMARTHOST is another one.
alerts_by_relay() {
  [ -z "${ALERT_SMTP_SMARTHOST:-}" ] || return 0
  # Whoever signs in may be an address: the last @ is where the host begins, as in every URL.
  if [[ $1 =~ ^(smtps?)://(([^/?#]*)@)?(\[[0-9A-Fa-f:.]+\]|[^/:@?#]+)(:([0-9]+))? ]]; then
    local found=("${BASH_REMATCH[@]}") usual=587 user=${BASH_REMATCH[3]} password=''
    [ "${found[1]}" = smtp ] || usual=465
    [[ $user != *:* ]] || password=${user#*:} user=${user%%:*}
    ALERT_SMTP_SMARTHOST=${found[4]}:${found[6]:-$usual}
    [[ ${found[1]} = smtp || $ALERT_SMTP_SMARTHOST = *:465 ]] || refuse "--smtp-url: Alertmanager speaks smtps:// on port 465 only, not on ${found[6]}; name a relay for alerts by ALERT_SMTP_SMARTHOST"
    : "${ALERT_SMTP_USERNAME:=$(decoded "$user")}" "${ALERT_SMTP_PASSWORD:=$(decoded "$password")}"
  else
    # Whether it will ask who sends is as unknown as the relay itself.
    : "${ALERT_SMTP_USERNAME:=$(without_value ALERT_SMTP_USERNAME)}"
  fi
}

# Port 465 speaks TLS from the first byte, and so does Alertmanager there. Told to require TLS it would want STARTTLS within that as well,
# which no relay offers, and send nothing.
tls_by_port() {
  [[ ${ALERT_SMTP_SMARTHOST:-} = *:465 ]] || return 0
  : "${ALERT_SMTP_REQUIRE_TLS:=false}"
  [ "$ALERT_SMTP_REQUIRE_TLS" = false ] || refuse 'ALERT_SMTP_REQUIRE_TLS: port 465 has TLS without it, and with it Alertmanager sends nothing there; leave it out'
}

# with_values FRESH: the configuration on standard input, with the variables' values in the lines that are still to be filled
# in. FRESH=true: it is the one for development, of which no such value may stay.
with_values() {
  local line start name mark value open relay=false left_out=' '
  while IFS= read -r line || [ -n "$line" ]; do
    if [[ $line =~ \#\ only\ with\ (ALERT_[A-Z_]+)$ ]]; then
      name=${BASH_REMATCH[1]}
      [[ $left_out != *" $name "* && ($1 = false || -n ${!name:-}) ]] || continue
    elif [[ $line =~ ^(\ *(- )?[a-z_]+:)\ .*\#\ (ALERT_[A-Z_]+)((, if any)?)$ ]]; then
      start=${BASH_REMATCH[1]} name=${BASH_REMATCH[3]} mark=${BASH_REMATCH[4]} value=${!BASH_REMATCH[3]:-} open=$1
      [[ $line != *fill-in* ]] || open=true
      # Whether TLS is to be asked for goes with the relay.
      [ "$name" != ALERT_SMTP_REQUIRE_TLS ] || ! $relay || open=true
      [ "$name" != ALERT_SMTP_SMARTHOST ] || relay=$open
      if $open; then
        [ -n "$value$mark" ] || value=$(without_value "$name")
        [ -n "$value" ] || { left_out+="$name "; continue; }
        line="$start $(quoted "$value") # $name$mark"
      fi
    fi
    printf '%s\n' "$line"
  done
}

write_alert_config() {
  local fresh=false from=$alerts_config
  [ -e "$alerts_config" ] || fresh=true from=docker/alertmanager.yml
  with_values "$fresh" <"$from" >"$alerts_directory/.new"
  # Into the file that is there: a container may have it mounted.
  cat "$alerts_directory/.new" >"$alerts_config"
  rm "$alerts_directory/.new"
}

write_alert_secrets() {
  local name file
  for name in ALERT_SMTP_PASSWORD ALERT_CHAT_URL ALERT_PAGER_KEY ALERT_HEARTBEAT_TOKEN; do
    file=$(secret_file "$name")
    # Only what the configuration asks for; it may have asked for more while nobody had said what the relay wants.
    if ! grep -q "^[^#]*/etc/alertmanager/secrets/${file##*/}" "$alerts_config"; then
      ! grep -qs '^fill-in' "$file" || rm "$file"
    elif [ ! -e "$file" ] || grep -q '^fill-in' "$file"; then printf '%s' "${!name:-fill-in}" >"$file"; fi
  done
}

# told_of VARIABLE…: which of them did not get in, since a person (or an earlier run) has written something else there.
told_of() {
  local name file
  for name; do
    file=$(secret_file "$name")
    # No sign-in is no line.
    if [ -z "${!name}" ]; then grep -q "^[^#]* # $name" "$alerts_config" || continue; fi
    if [ -n "$file" ]; then [ "$(cat "$file" 2>/dev/null)" != "${!name}" ] || continue
    elif grep -qF " $(quoted "${!name}") # $name" "$alerts_config"; then continue; fi
    printf 'setup: %s is not written: %s has something else in its place, or no place for it\n' "$name" "$alerts_directory"
  done
}

# prepare_receivers SMTP_URL
prepare_receivers() {
  local given=() of_relay='' name left
  for name in "${!ALERT_@}"; do
    [ -z "${!name}" ] || given+=("$name")
    [[ ${!name} != *[$'\n\r']* ]] || refuse "$name: has a line break in it"
  done
  [[ ${ALERT_SMTP_REQUIRE_TLS:-true} =~ ^(true|false)$ ]] || refuse 'ALERT_SMTP_REQUIRE_TLS: is neither true nor false'
  [ -n "${ALERT_SMTP_SMARTHOST:-}" ] || of_relay='ALERT_SMTP_SMARTHOST ALERT_SMTP_USERNAME ALERT_SMTP_PASSWORD'
  alerts_by_relay "$1"
  # A relay that has changed is as much news as a variable.
  [ -n "${ALERT_SMTP_SMARTHOST:-}" ] || of_relay=''
  tls_by_port
  [[ ${ALERT_SMTP_SMARTHOST:-} != *:465 ]] || of_relay+=' ALERT_SMTP_REQUIRE_TLS'
  mkdir -p "$alerts_secrets"
  write_alert_config
  write_alert_secrets
  # Alertmanager and preflight run as users of their own, so what they are given is for all to read; the way to it on this
  # machine is for its owner only.
  chmod 700 "$alerts_directory"
  chmod 755 "$alerts_secrets"
  chmod 644 "$alerts_config"
  find "$alerts_secrets" -type f -exec chmod 644 {} +
  printf 'setup: whom Alertmanager tells is in %s\n' "$alerts_directory"
  # shellcheck disable=SC2086 # words
  told_of $(printf '%s\n' ${given[@]+"${given[@]}"} $of_relay | sort -u)
  left=$(grep -rlE "^[^#]*fill-in" "$alerts_config" "$alerts_secrets" || true)
  [ -z "$left" ] || printf 'setup: still to be filled in, or the stack refuses to start: %s\n' "$(xargs <<<"$left")"
}
