/* SPDX-License-Identifier: Apache-2.0
 *
 * The command `freehold`: see src/cli. */
#include "cli/command.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
