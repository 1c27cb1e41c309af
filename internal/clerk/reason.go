package clerk

import "strings"

// Reasons of Clerk's SDK: AuthErrorReason and TokenVerificationErrorReason,
// verbatim.
const (
	reasonSessionTokenAndUATMissing    = "session-token-and-uat-missing"
	reasonSessionTokenMissing          = "session-token-missing"
	reasonSessionTokenWithoutClientUAT = "session-token-but-no-client-uat"
	reasonClientUATWithoutSessionToken = "client-uat-but-no-session-token"
	reasonSessionTokenIATBeforeUAT     = "session-token-iat-before-client-uat"
	reasonSessionTokenNBF              = "session-token-nbf"
	reasonSessionTokenIATInTheFuture   = "session-token-iat-in-the-future"
	reasonSessionTokenExpiredRefresh   = "session-token-expired-refresh-"
	reasonDevBrowserMissing            = "dev-browser-missing"
	reasonDevBrowserSync               = "dev-browser-sync"
	reasonPrimaryRespondsToSyncing     = "primary-responds-to-syncing"
	reasonPrimaryDomainCrossOriginSync = "primary-domain-cross-origin-sync"
	reasonSatelliteNeedsSyncing        = "satellite-needs-syncing"
	reasonActiveOrganizationMismatch   = "active-organization-mismatch"
	reasonUnexpectedError              = "unexpected-error"
	reasonNoTokenInHeader              = "No token in header"
	reasonTokenTypeMismatch            = "token-type-mismatch"

	reasonTokenExpired            = "token-expired"
	reasonTokenNotActiveYet       = "token-not-active-yet"
	reasonTokenIATInTheFuture     = "token-iat-in-the-future"
	reasonTokenInvalid            = "token-invalid"
	reasonTokenInvalidAlgorithm   = "token-invalid-algorithm"
	reasonTokenInvalidAzp         = "token-invalid-authorized-parties"
	reasonTokenInvalidIssuer      = "token-invalid-issuer"
	reasonTokenInvalidSignature   = "token-invalid-signature"
	reasonTokenVerificationFailed = "token-verification-failed"
	reasonKeyIDMismatch           = "jwk-kid-mismatch"
	reasonKeysRemoteFailedToLoad  = "jwk-remote-failed-to-load"

	// The only code of our own: Clerk has no word for such a request.
	codeRequestMalformed = "request-malformed"
)

// plainCode is the short form of a reason: a compound of the refresh's outcome
// says no more than that the token has expired.
func plainCode(reason string) string {
	if strings.HasPrefix(reason, reasonSessionTokenExpiredRefresh) {
		return reasonTokenExpired
	}
	return reason
}
