//go:build linux && (amd64 || arm64) && !static

package libcrypto

import (
	"fmt"

	"github.com/ebitengine/purego"
)

// Library is the system's libcrypto, of OpenSSL 3.
//
// The functions that are called here leave what went wrong in a queue of their
// thread, which holds 16 entries and forgets older ones. Nothing here reads it, and
// no function that is called here goes by what it holds, so that it does not matter
// that a goroutine may be on another thread at its next call.
type Library struct {
	path    string
	version uintptr
	sha256  uintptr // EVP_MD *
	fn      functions
	callsGo bool // some of fn are Go's own, as tests have them
}

// functions are the addresses of those that are called. All have been there since
// OpenSSL 3.0.
type functions struct {
	init, versionNum, sha256        uintptr
	decode, freeKey                 uintptr
	newContext, freeContext         uintptr
	signInit, padding, digest, sign uintptr
	verifyInit, verify              uintptr
	read, bytes                     uintptr
	newNumber, freeNumber           uintptr
	newNumbers, freeNumbers         uintptr
	newMont, setMont, power         uintptr
}

func (f *functions) table() map[string]*uintptr {
	return map[string]*uintptr{
		"OPENSSL_init_crypto":           &f.init,
		"OpenSSL_version_num":           &f.versionNum,
		"EVP_sha256":                    &f.sha256,
		"d2i_AutoPrivateKey":            &f.decode,
		"EVP_PKEY_free":                 &f.freeKey,
		"EVP_PKEY_CTX_new":              &f.newContext,
		"EVP_PKEY_CTX_free":             &f.freeContext,
		"EVP_PKEY_sign_init":            &f.signInit,
		"EVP_PKEY_CTX_set_rsa_padding":  &f.padding,
		"EVP_PKEY_CTX_set_signature_md": &f.digest,
		"EVP_PKEY_sign":                 &f.sign,
		"EVP_PKEY_verify_init":          &f.verifyInit,
		"EVP_PKEY_verify":               &f.verify,
		"BN_bin2bn":                     &f.read,
		"BN_bn2binpad":                  &f.bytes,
		"BN_new":                        &f.newNumber,
		"BN_clear_free":                 &f.freeNumber,
		"BN_CTX_new":                    &f.newNumbers,
		"BN_CTX_free":                   &f.freeNumbers,
		"BN_MONT_CTX_new":               &f.newMont,
		"BN_MONT_CTX_set":               &f.setMont,
		"BN_mod_exp_mont_consttime":     &f.power,
	}
}

// Numbers of OpenSSL's headers.
const (
	noAtExit     = 0x00080000 // OPENSSL_INIT_NO_ATEXIT: threads may be signing when the program ends
	noLoadConfig = 0x00000080 // OPENSSL_INIT_NO_LOAD_CONFIG: no file or variable names other code to load
	pkcs1Padding = 1          // RSA_PKCS1_PADDING
	ok           = 1
)

// major3 and flawed are versions, as OpenSSL_version_num has them: M, NN, 00, PP, 0.
const (
	major3 = 3
	flawed = 0x30000040 // 3.0.4 computes wrongly with AVX-512 (CVE-2022-2274)
)

// load opens the file and finds in it what is called.
func load(path string) (*Library, error) {
	// All of it now, so that nothing is looked up when a key is used; for nobody
	// else, so that its names stand in for nobody's.
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be loaded: %w", path, err)
	}
	l := &Library{path: path}
	for name, address := range l.fn.table() {
		if *address, err = purego.Dlsym(handle, name); err != nil {
			return nil, fmt.Errorf("%s has no %s", path, name)
		}
	}
	l.version = call(l.fn.versionNum)
	if l.version>>28 != major3 || l.version == flawed {
		return nil, fmt.Errorf("%s is OpenSSL %s, which is not taken", path, l.Version())
	}
	if !done(l.fn.init, noAtExit|noLoadConfig, 0) {
		return nil, fmt.Errorf("%s cannot be set up", path)
	}
	if l.sha256 = call(l.fn.sha256); l.sha256 == 0 {
		return nil, fmt.Errorf("%s has no SHA-256", path)
	}
	return l, nil
}
