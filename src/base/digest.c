/* digest.c: SHA-256, base64 and randomness, all from libcrypto and the kernel. */
#include "drillbook/base.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct sha256_stream {
	EVP_MD_CTX *ctx;
};

struct sha256_stream *sha256_new(void)
{
	struct sha256_stream *stream = xmalloc(sizeof(*stream));

	stream->ctx = EVP_MD_CTX_new();
	if (stream->ctx == NULL || EVP_DigestInit_ex(stream->ctx, EVP_sha256(), NULL) != 1)
		base_die("SHA-256 is not available");
	return stream;
}

void sha256_add(struct sha256_stream *stream, const void *data, size_t len)
{
	if (EVP_DigestUpdate(stream->ctx, data, len) != 1)
		base_die("SHA-256 failed");
}

struct sha256 sha256_end(struct sha256_stream *stream)
{
	struct sha256 digest;

	if (EVP_DigestFinal_ex(stream->ctx, digest.b, NULL) != 1)
		base_die("SHA-256 failed");
	EVP_MD_CTX_free(stream->ctx);
	free(stream);
	return digest;
}

struct sha256 sha256_of(const void *data, size_t len)
{
	struct sha256 digest;

	if (EVP_Digest(data, len, digest.b, NULL, EVP_sha256(), NULL) != 1)
		base_die("SHA-256 failed");
	return digest;
}

char *sha256_hex(struct sha256 digest, char out[SHA256_HEX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < SHA256_BYTES; i++) {
		out[2 * i] = digits[digest.b[i] >> 4];
		out[2 * i + 1] = digits[digest.b[i] & 15];
	}
	out[2 * SHA256_BYTES] = '\0';
	return out;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool sha256_parse(const char *hex, struct sha256 *out)
{
	if (hex == NULL || strlen(hex) != 2 * SHA256_BYTES)
		return false;
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		const int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out->b[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

bool sha256_eq(struct sha256 a, struct sha256 b)
{
	return memcmp(a.b, b.b, SHA256_BYTES) == 0;
}

char *base64_encode(const void *data, size_t len)
{
	if (len > INT32_MAX / 2)
		base_die("base64 of %zu bytes", len);
	char *out = xmalloc((len + 2) / 3 * 4 + 1);

	EVP_EncodeBlock((unsigned char *)out, data, (int)len);
	return out;
}

unsigned char *base64_decode(const char *text, size_t *len)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const size_t in = strlen(text);
	size_t padding = 0;

	if (in % 4 != 0 || in > INT32_MAX / 2)
		return NULL;
	while (padding < 2 && padding < in && text[in - 1 - padding] == '=')
		padding++;
	if (strspn(text, alphabet) != in - padding) /* libcrypto passes over blanks and inner padding */
		return NULL;
	unsigned char *out = xmalloc(in / 4 * 3 + 1);
	const int n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)in);
	if (n < 0) {
		free(out);
		return NULL;
	}
	*len = (size_t)n - padding;
	out[*len] = '\0';
	return out;
}

enum err_code random_bytes(void *out, size_t len, struct err *err)
{
	unsigned char *at = out;

	while (len > 0) {
		const ssize_t n = getrandom(at, len, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "no randomness");
		at += n;
		len -= (size_t)n;
	}
	return ERR_NONE;
}
