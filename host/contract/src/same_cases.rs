//! Conversions between the contract's enums and the host's.

/// Converts enums with the same cases into each other.
macro_rules! same_cases {
    ($($ours:ty = $theirs:ty { $($case:ident),+ })+) => {$(
        impl From<$ours> for $theirs {
            fn from(ours: $ours) -> Self {
                match ours {
                    $(<$ours>::$case => Self::$case,)+
                }
            }
        }

        impl From<$theirs> for $ours {
            fn from(theirs: $theirs) -> Self {
                match theirs {
                    $(<$theirs>::$case => Self::$case,)+
                }
            }
        }
    )+};
}
