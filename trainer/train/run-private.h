/* SPDX-License-Identifier: MIT */
/* A run's parts: run-open.c puts them together, run.c trains with them. */
#ifndef COW_TRAINER_RUN_PRIVATE_H
#define COW_TRAINER_RUN_PRIVATE_H

#include "trainer/train/keep-pictures.h"
#include "trainer/train/preprocessing.h"
#include "trainer/train/run-card.h"
#include "trainer/train/run-folder.h"
#include "trainer/train/run.h"

struct _CowRun {
  CowRecipe *recipe;              /* borrowed */
  char *model;                    /* located path of the base, or NULL */
  CowPreprocessing preprocessing; /* how it was chosen; empty where a run is resumed */
  CowFrames *frames;          /* of runs that detect, else NULL; the set's samples in their order */
  CowDetectorConfig detector; /* of them */
  CowDataset *dataset;
  CkDevice *device;
  CkStream *stream;
  CowPlanInput input;
  CowPlan plan;
  CowRunFolder *folder;
  CowFeed *feed;
  CowKeptPictures kept; /* that go with the adapter */
  CowNetwork *network;
  CowRunState *state;
  CowTask *task;
  float *class_weights; /* [classes] or NULL */
  float *thresholds;    /* [classes] with several labels a picture: of the last validation */
  CowCard *card;
  CowRunTracking *tracking;
};

#endif
