//! The worker's settings.

codes! {
    area "settings", title "the worker's settings", about "\
All problems are reported at once, each with the place where the value was set. No message contains a secret. A worker
on RunPod ends with exit code 1 instead.";

    UNREADABLE "settings.unreadable" (Host, exit 2)
        "The settings file can't be read." => "Check `--config` or `CODEX_CONFIG`.";

    SYNTAX "settings.syntax" (Host, exit 2)
        "The file is not TOML, or `CODEX_POLICY_SETTINGS` is not a JSON object."
            => "Correct it. The message has the line or the position.";

    UNKNOWN "settings.unknown" (Host, exit 2)
        "There is no such setting, or a variable that begins with `CODEX_` belongs to no setting."
            => "Use one of the names that the message lists.";

    MISSING "settings.missing" (Host, exit 2)
        "A required setting is not set." => "Set it. The message names the key and its variables.";

    BAD_VALUE "settings.bad-value" (Host, exit 2)
        "A setting does not take this value." => "Correct the value. The message says what the setting takes.";

    UNSAFE "settings.unsafe" (Host, exit 2)
        "The value is valid but forbidden here: a short secret, http to another machine, private addresses in \
         `production`."
            => "Follow the instructions in the message.";

    CONTRADICTION "settings.contradiction" (Host, exit 2)
        "Two settings contradict each other." => "Follow the instructions in the message.";

    SECRET_EXPOSED "settings.secret-exposed" (Host, exit 2)
        "The settings of the policy contain a secret." => "Remove it there. A policy never needs one.";

    INVALID "settings.invalid" (Host, exit 2)
        "There is more than one of these problems." => "Correct each of them. The message has a line for each.";
}
