// In a kernel whose lane owns eight rows of outputs, with their sums in s00 to s71: multiplies them by alpha.
s00 *= params.alpha; s01 *= params.alpha;
s10 *= params.alpha; s11 *= params.alpha;
s20 *= params.alpha; s21 *= params.alpha;
s30 *= params.alpha; s31 *= params.alpha;
s40 *= params.alpha; s41 *= params.alpha;
s50 *= params.alpha; s51 *= params.alpha;
s60 *= params.alpha; s61 *= params.alpha;
s70 *= params.alpha; s71 *= params.alpha;
