/* SPDX-License-Identifier: MIT */
/*
 * The command `normnet-mnist compare`. Its CSV file has a line per run and epoch:
 *
 *     run,file,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,test_loss,test_accuracy,lr,
 *     images_per_second,seconds
 *
 * where the numbers of the validation images are empty if a run had none.
 */
#ifndef MNIST_COMPARE_H
#define MNIST_COMPARE_H

/* Takes the arguments after the command's name; returns the exit code of the program. */
int compare_command(int argc, char **argv);

#endif
