//! Scenarios of a policy's author.

codes! {
    area "scenario", title "the scenarios of `policy test`";

    FAILED "scenario.failed" (Policy)
        "The result of a scenario differs from what was expected. The differences are printed."
            => "Correct the policy, or the scenario.";

    UNREADABLE "scenario.unreadable" (Host, exit 2)
        "A scenario can't be run. The message has the place in the file, and what is allowed there."
            => "Correct it. [scenarios.md](scenarios.md) has the format.";
}
