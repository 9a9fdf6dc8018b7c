/* SPDX-License-Identifier: Apache-2.0 */
/* A text for a camera. */
#include <errno.h>
#include <qrencode.h>
#include <unistd.h>

#include "base/base.h"
#include "tool/tool.h"

#define QUIET 4 /* modules of margin that a reader wants (ISO 18004) */

static bool
dark(const QRcode *code, int x, int y)
{
	x -= QUIET;
	y -= QUIET;
	return x >= 0 && y >= 0 && x < code->width && y < code->width &&
		(code->data[y * code->width + x] & 1) != 0;
}

/* Two rows of modules a line.  The light ones are what is drawn, on a terminal
 * in white on black: a reader wants dark on light. */
static void
draw(const QRcode *code, bool colour, struct sbx_buf *out)
{
	static const char *const halves[] = { "\xe2\x96\x88", "\xe2\x96\x80",
		"\xe2\x96\x84", " " };
	int side = code->width + 2 * QUIET;

	for (int y = 0; y < side; y += 2) {
		if (colour)
			sbx_buf_str(out, "\033[40;97m");
		for (int x = 0; x < side; x++)
			sbx_buf_str(out, halves[2 * dark(code, x, y) +
				(dark(code, x, y + 1) || y + 1 >= side)]);
		sbx_buf_str(out, colour ? "\033[0m\n" : "\n");
	}
}

int
sbx_tool_qr(const char *text, struct sbx_err *err)
{
	struct sbx_buf out = SBX_BUF(1 << 20);
	QRcode *code;
	int r;

	code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
	if (code == NULL)
		return errno == ERANGE ?
			sbx_err_set(err, SBX_E_USAGE,
				"too long for a QR code") :
			sbx_err_sys(err, "QR code");
	draw(code, isatty(STDERR_FILENO) != 0, &out);
	r = sbx_io_write_fd(STDERR_FILENO, out.data, out.len, err);
	QRcode_free(code);
	sbx_buf_free(&out);
	return r;
}
