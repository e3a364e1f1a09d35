"""From all models' lists to the lists shown, in `final_lists`: fused, re-ranked and explained."""
