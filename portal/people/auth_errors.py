"""What the identity provider may answer, in our words; the docstring is what a person reads.

IdentityError
├── WrongCredentials    address or password do not match (never says which)
├── EmailNotConfirmed   right password, address not yet confirmed
├── WeakPassword        too short, too long, or known from a breach
├── SamePassword        the new one is the old one
├── WrongCode           the six digits do not match
├── SecondFactorNeeded  the provider wants aal2 for this act
├── FactorNameTaken     another app of the person has this name
├── TooManyFactors      the person has connected as many apps as the provider takes
├── LinkExpired         a mailed link is spent, too old, or was asked for in another browser
├── EmailTaken          somebody else has this address
├── SessionGone         the provider has ended this session: sign in again
├── TooManyTries        the provider asks us to wait
├── NoLogin             nobody has this address, or a mail has just gone there: never shown (AUT-05)
├── TokenRefused        a token is not for us, not now, or not genuine (SB-06)
└── AuthUnavailable     no usable answer: nothing is known, nothing was changed

Closed by default: an answer that is not in the table below is AuthUnavailable, never a success.
"""

import supabase_auth.errors as provider

from portal.errors import PortalError


class IdentityError(PortalError):
    """That did not work. Nothing was changed."""


class WrongCredentials(IdentityError):
    """The e-mail address and password do not match."""


class EmailNotConfirmed(IdentityError):
    """Confirm your e-mail address first: follow the link in the mail that we sent you."""


class WeakPassword(IdentityError):
    """Choose a password of at least 15 characters that you use nowhere else."""


class SamePassword(IdentityError):
    """Choose a password that differs from the present one."""


class WrongCode(IdentityError):
    """That code is not right. Enter the six digits that your app shows now."""


class SecondFactorNeeded(IdentityError):
    """Confirm with your second factor first."""


class FactorNameTaken(IdentityError):
    """You have called another app so. Choose another name."""


class TooManyFactors(IdentityError):
    """You have connected as many apps as are possible. Remove one first."""


class LinkExpired(IdentityError):
    """This link no longer works. Ask for a new one."""


class EmailTaken(IdentityError):
    """This e-mail address cannot be used."""


class SessionGone(IdentityError):
    """You have been signed out. Sign in again."""


class TooManyTries(IdentityError):
    """Too many tries. Wait a few minutes, then try again."""


class NoLogin(IdentityError):
    """If this address has a login, a mail is on its way."""


class TokenRefused(IdentityError):
    """Signing in did not work. Try again."""


class AuthUnavailable(IdentityError):
    """Signing in does not work at the moment. Nothing was changed; try again in a few minutes."""


_BY_CODE: dict[str, type[IdentityError]] = {
    "invalid_credentials": WrongCredentials,
    "current_password_mismatch": WrongCredentials,
    "email_not_confirmed": EmailNotConfirmed,
    "weak_password": WeakPassword,
    "same_password": SamePassword,
    "mfa_verification_failed": WrongCode,
    "mfa_verification_rejected": WrongCode,
    "mfa_challenge_expired": WrongCode,
    "mfa_factor_name_conflict": FactorNameTaken,
    "too_many_enrolled_mfa_factors": TooManyFactors,
    "insufficient_aal": SecondFactorNeeded,
    "reauthentication_needed": SecondFactorNeeded,
    "otp_expired": LinkExpired,
    "flow_state_not_found": LinkExpired,
    "flow_state_expired": LinkExpired,
    "bad_code_verifier": LinkExpired,
    "email_exists": EmailTaken,
    "email_address_invalid": EmailTaken,
    "email_address_not_authorized": EmailTaken,
    "user_already_exists": EmailTaken,
    "session_not_found": SessionGone,
    "session_expired": SessionGone,
    "refresh_token_not_found": SessionGone,
    "refresh_token_already_used": SessionGone,
    "user_not_found": SessionGone,
    "user_banned": SessionGone,
    "bad_jwt": SessionGone,
    "over_request_rate_limit": TooManyTries,
    "otp_disabled": NoLogin,
    "signup_disabled": NoLogin,
    "over_email_send_rate_limit": NoLogin,
}
_TOO_MANY = 429


def translated(answer: Exception) -> IdentityError:
    """Return our error for one of the provider's."""
    if isinstance(answer, provider.AuthWeakPasswordError):
        return WeakPassword()
    if isinstance(answer, provider.AuthSessionMissingError | provider.UserDoesntExist):
        return SessionGone()
    if isinstance(answer, provider.AuthApiError):
        if answer.code in _BY_CODE:
            return _BY_CODE[answer.code]()
        if answer.status == _TOO_MANY:
            return TooManyTries()
    return AuthUnavailable()
