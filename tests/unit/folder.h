/* SPDX-License-Identifier: Apache-2.0
 *
 * A scratch folder for one test: cmocka_unit_test_setup_teardown(test, make_folder, remove_folder); its path is *state.
 */
#ifndef FREEHOLD_TEST_FOLDER_H
#define FREEHOLD_TEST_FOLDER_H

int make_folder(void **state);
int remove_folder(void **state);

#endif
